package main

// loaderName is the dynamic loader's file name in the x86-64 System V ABI.
const loaderName = "ld-linux-x86-64.so.2"
