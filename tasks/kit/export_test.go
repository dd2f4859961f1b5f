package kit

// Scripts that TestNothingIsLeft cuts.
const (
	PutText    = string(putText)
	UnpackText = string(unpackText)
)
