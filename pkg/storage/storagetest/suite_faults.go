package storagetest

var faultChecks = []check{}
