#!/bin/sh
echo hi $*
