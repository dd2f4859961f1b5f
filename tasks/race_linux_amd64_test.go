package tasks_test

const renameat2 = 316
