//go:build !amd64

package tasks_test

const renameat2 = 276
