//go:build !linux

package tasks_test

func racing() {}
