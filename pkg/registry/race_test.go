package registry
const writerDirectory = "COFRE_TEST_REGISTRY_WRITER"
func beWriter(string) error { return nil }
