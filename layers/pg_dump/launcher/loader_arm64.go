package main

// loaderName is the dynamic loader's file name in the AArch64 System V ABI.
const loaderName = "ld-linux-aarch64.so.1"
