package kit

// Scripts that TestNothingIsLeft cuts.
const (
	PutText    = string(putText)
	UnpackText = string(unpackText)
	UnarchText = string(unarchText)
	GetText    = string(getText)
)
