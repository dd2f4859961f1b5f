package kit

// pourWords are words for data of stdin that are hashed while they are written, and
// not read again for it: the hash is of what the file was given, byte by byte, and is
// there no later than the last of them.
//
//   - k_sums: the SHA-256 of stdin, read to its end even where no program makes one.
//     OpenSSL's is several times faster than coreutils', and slower to start.
//   - k_pour: stdin into descriptor 8, which must be open in /proc; $k_sha is what was
//     written, in sha256sum's form, or empty.
const pourWords = `k_sums() {
if [ "$k_len" -ge 8388608 ] && command -v openssl >/dev/null 2>&1; then openssl dgst -sha256 -r; else sha256sum; fi || cat >/dev/null
}
k_pour() {
k_sha=$({ { tee /proc/self/fd/9 9>&1 >&8; echo $? >&3; } | k_sums; } 3>&1)
case $k_sha in "0
"*) k_sha=${k_sha#??} ;; *) k_sha=; k_no "$k_p: the data could not be written" ;; esac
}
`
