//go:build !amd64

package files_test

const renameat2 = 276
