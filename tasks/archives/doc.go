// Package archives holds the modules that pack and unpack archives.
package archives
