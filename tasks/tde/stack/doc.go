// Package stack is a compose stack with a database in it, as it is found on its
// host: service, container, image, data folder, the record of what was made, and the
// overlay that runs the encrypted cluster. It starts and stops nothing.
package stack
