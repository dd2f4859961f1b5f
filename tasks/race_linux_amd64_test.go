package files_test

const renameat2 = 316
