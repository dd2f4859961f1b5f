// Package repos has the modules of version control: git and Subversion.
package repos
