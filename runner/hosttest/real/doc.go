// Package real gives tests real parts: machines that run OpenSSH's sshd, sudo,
// several shells, a Docker engine and compose. A machine is a set of Linux
// namespaces over a disk image of its own, with this machine's file system
// beneath it: whatever a test does to it stays in the image, and everything
// that it runs ends with the test, also when the test is killed.
//
// The helpers ask for their parts (NeedSSHD, NeedDocker …): what is missing is
// a failure where CI=true, and elsewhere a skip that is counted and shown.
// Nothing outside tests imports this package.
package real
