package record

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"slices"
)

// The request log is a header and frames:
//
//	header = "zlrq" version:u16 0:u16
//	frame  = length:u32 crc32c:u32 payload    length and crc are the payload's
//
// with little-endian numbers. There are two kinds of payload:
//
//	requests = 1 strings records       see requestcodec.go
//	end      = 2 count:uvarint         requests in all frames before
//
// Each frame has its own table of strings and is written by one call of Write,
// so that the log of a killed process is readable up to its last whole frame.
const (
	logMagic    = "zlrq"
	logVersion  = 1
	headerLen   = 8
	frameHead   = 8
	kindRecords = 1
	kindEnd     = 2
	// fullFrame is the size at which Append writes a frame without a Flush.
	fullFrame = 256 << 10
	// maxFrame is the maximum size of a payload; it limits what a reader
	// allocates.
	maxFrame = 4 << 20
)

// Errors of a request log.
var (
	// ErrNotRequestLog means that the input does not begin like a request log.
	ErrNotRequestLog = errors.New("not a request log")
	errClosed        = errors.New("request log is closed")
	errTooBig        = errors.New("request is too big for its log")
)

func castagnoli() *crc32.Table { return crc32.MakeTable(crc32.Castagnoli) }

// RequestWriter writes a request log. It must not be used by several goroutines
// at once. Call Flush at least every 250 ms, so that a killed process loses
// little.
type RequestWriter struct {
	w       io.Writer
	enc     encoder
	out     []byte
	total   uint64
	err     error // the first failure: nothing is written after it
	appends int   // since the last flush
}

// NewRequestWriter writes a log's header to w, which the caller closes.
func NewRequestWriter(w io.Writer) (*RequestWriter, error) {
	head := make([]byte, headerLen)
	copy(head, logMagic)
	binary.LittleEndian.PutUint16(head[4:], logVersion)
	if _, err := w.Write(head); err != nil {
		return nil, fmt.Errorf("writing request log's header: %w", err)
	}
	return &RequestWriter{w: w}, nil
}

// Append adds r to the current frame, without keeping r. The error may be that
// of an earlier write.
func (w *RequestWriter) Append(r *Request) error {
	if w.err != nil {
		return w.err
	}
	w.enc.request(r)
	w.appends++
	if w.enc.size() >= fullFrame {
		return w.Flush()
	}
	return nil
}

// Flush writes the current frame, unless it is empty.
func (w *RequestWriter) Flush() error {
	if w.err != nil || w.appends == 0 {
		return w.err
	}
	w.total += uint64(w.appends) //nolint:gosec // not negative
	w.out = append(w.out[:0], make([]byte, frameHead)...)
	w.out = w.enc.appendPayload(append(w.out, kindRecords), w.appends)
	w.appends = 0
	return w.frame()
}

// Close flushes and writes the end frame, which marks the log as complete. It
// does not close the underlying writer.
func (w *RequestWriter) Close() error {
	if err := w.Flush(); err != nil {
		return err
	}
	w.out = append(w.out[:0], make([]byte, frameHead)...)
	w.out = binary.AppendUvarint(append(w.out, kindEnd), w.total)
	err := w.frame()
	if w.err == nil {
		w.err = errClosed
	}
	return err
}

// frame fills in the head of the frame in w.out and writes it.
func (w *RequestWriter) frame() error {
	payload := w.out[frameHead:]
	if len(payload) > maxFrame {
		w.err = fmt.Errorf("writing request log: %w: %d bytes", errTooBig, len(payload))
		return w.err
	}
	binary.LittleEndian.PutUint32(w.out, uint32(len(payload))) //nolint:gosec // at most maxFrame
	binary.LittleEndian.PutUint32(w.out[4:], crc32.Checksum(payload, castagnoli()))
	if _, err := w.w.Write(w.out); err != nil {
		w.err = fmt.Errorf("writing request log: %w", err)
	}
	return w.err
}

// RequestTail describes the end of a request log.
type RequestTail struct {
	Complete bool  // there is an end frame, and its count is correct
	Offset   int64 // end of the last valid frame
	Dropped  int64 // bytes after Offset, which were dropped
	Reason   error // why they were dropped; nil if Dropped is 0
}

// RequestReader reads a request log, frame by frame.
type RequestReader struct {
	r       io.Reader
	dec     decoder
	payload []byte
	total   uint64
	tail    RequestTail
	done    bool
}

// NewRequestReader reads the header. The error is [ErrNotRequestLog],
// [ErrNewer], or an error of r. An input that ends within the header counts as
// a log with a truncated tail.
func NewRequestReader(r io.Reader) (*RequestReader, error) {
	rd := &RequestReader{r: r}
	head := make([]byte, headerLen)
	n, err := io.ReadFull(r, head)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, fmt.Errorf("reading request log: %w", err)
	}
	if m := min(n, len(logMagic)); string(head[:m]) != logMagic[:m] {
		return nil, ErrNotRequestLog
	}
	if n < headerLen {
		rd.done = true
		if n > 0 {
			rd.tail = RequestTail{Dropped: int64(n), Reason: errors.New("its header is cut short")}
		}
		return rd, nil
	}
	if v := binary.LittleEndian.Uint16(head[4:]); v > logVersion {
		return nil, fmt.Errorf("request log of version %d, this program reads up to %d: %w", v, logVersion, ErrNewer)
	} else if v == 0 {
		return nil, ErrNotRequestLog
	}
	rd.tail.Offset = headerLen
	return rd, nil
}

// Next reads one frame and appends its requests to buf. At the end of the log
// or at the first invalid frame it returns io.EOF, and Tail has the details. Any
// other error comes from the input.
func (r *RequestReader) Next(buf []Request) ([]Request, error) {
	for !r.done {
		kind, err := r.frame()
		if err != nil {
			return buf, err
		}
		if kind == kindRecords {
			size := r.tail.Offset + frameHead + int64(len(r.payload))
			n := len(buf)
			buf, err = r.dec.payload(r.payload[1:], buf)
			if err != nil {
				return buf[:n], r.drop(err, int64(frameHead+len(r.payload)))
			}
			r.total += uint64(len(buf) - n) //nolint:gosec // buf has grown
			r.tail.Offset = size
			return buf, nil
		}
	}
	return buf, io.EOF
}

// Tail describes the end of the log. It is valid once Next has returned io.EOF.
func (r *RequestReader) Tail() RequestTail { return r.tail }

// frame reads the next frame into r.payload and returns its kind. If there is
// none, it sets r.done and returns 0.
func (r *RequestReader) frame() (kind byte, err error) {
	var head [frameHead]byte
	n, err := io.ReadFull(r.r, head[:])
	if errors.Is(err, io.EOF) {
		r.done = true
		return 0, nil
	}
	if err != nil {
		return 0, r.short(err, n)
	}
	size := binary.LittleEndian.Uint32(head[:])
	if size == 0 || size > maxFrame {
		return 0, r.end(fmt.Errorf("frame of %d bytes", size), frameHead)
	}
	if n, err := r.fill(int(size)); err != nil {
		return 0, r.short(err, frameHead+n)
	}
	whole := int64(frameHead) + int64(size)
	if crc32.Checksum(r.payload, castagnoli()) != binary.LittleEndian.Uint32(head[4:]) {
		return 0, r.end(errors.New("checksum does not match"), whole)
	}
	switch kind = r.payload[0]; kind {
	case kindRecords:
		return kind, nil
	case kindEnd:
		return 0, r.endFrame(whole)
	}
	return 0, r.end(fmt.Errorf("frame of unknown kind %d", kind), whole)
}

// fill reads a payload in small steps, so that a wrong length allocates no more
// than the input has.
func (r *RequestReader) fill(size int) (int, error) {
	const step = 64 << 10
	r.payload = r.payload[:0]
	for len(r.payload) < size {
		have := len(r.payload)
		r.payload = slices.Grow(r.payload, min(step, size-have))[:have+min(step, size-have)]
		if n, err := io.ReadFull(r.r, r.payload[have:]); err != nil {
			return have + n, err
		}
	}
	return size, nil
}

func (r *RequestReader) endFrame(whole int64) error {
	total, n := binary.Uvarint(r.payload[1:])
	if n <= 0 || total != r.total {
		return r.end(fmt.Errorf("end frame counts %d requests, the log has %d", total, r.total), whole)
	}
	r.tail.Offset += whole
	rest, err := io.Copy(io.Discard, r.r)
	if err != nil {
		return fmt.Errorf("reading request log: %w", err)
	}
	r.done = true
	r.tail.Complete, r.tail.Dropped = true, rest
	if rest > 0 {
		r.tail.Complete, r.tail.Reason = false, errors.New("there is data after the end frame")
	}
	return nil
}

// short ends the log within a frame, or returns an error of the input.
func (r *RequestReader) short(err error, n int) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return r.end(errors.New("frame is cut short"), int64(n))
	}
	return fmt.Errorf("reading request log: %w", err)
}

// end stops at an invalid frame, have bytes of which have been read, and counts
// the dropped bytes.
func (r *RequestReader) end(reason error, have int64) error {
	rest, err := io.Copy(io.Discard, r.r)
	if err != nil {
		return fmt.Errorf("reading request log: %w", err)
	}
	r.done = true
	r.tail.Dropped = have + rest
	r.tail.Reason = fmt.Errorf("at byte %d: %w", r.tail.Offset, reason)
	return nil
}

func (r *RequestReader) drop(reason error, have int64) error {
	if err := r.end(reason, have); err != nil {
		return err
	}
	return io.EOF
}

// ReadRequests reads a log up to its end or its first invalid frame. The error
// is [ErrNotRequestLog], [ErrNewer], or an error of r.
func ReadRequests(r io.Reader) ([]Request, RequestTail, error) {
	rd, err := NewRequestReader(r)
	if err != nil {
		return nil, RequestTail{}, err
	}
	var all []Request
	for {
		all, err = rd.Next(all)
		if errors.Is(err, io.EOF) {
			return all, rd.Tail(), nil
		}
		if err != nil {
			return all, rd.Tail(), err
		}
	}
}
