// Command tiny stands for zeroloss in the image's tests: it is of the same
// module, and small.
package main

func main() {}
