package settings

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
)

// strict decodes exactly one JSON value without unknown fields, so that a harness
// and a service of different builds do not go on unnoticed.
func strict(b []byte, v any) error {
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	if err := dec.Decode(v); err != nil {
		return err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return errors.New("found more than one document")
	}
	return nil
}
