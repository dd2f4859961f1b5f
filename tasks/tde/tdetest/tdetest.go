// Package tdetest gives tests a machine with a Docker engine and a compose
// project whose image holds PostgreSQL with pg_tde.
package tdetest
