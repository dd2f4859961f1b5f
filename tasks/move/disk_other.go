//go:build !linux && !darwin

package move

func freeBytes(string) int64 { return -1 }
