package wire

import (
	"errors"
	"fmt"
	"io"

	"google.golang.org/protobuf/proto"

	pb "github.com/trilemma-bench/trilemma/plugins/proto/policyv2"
)

const (
	// ChunkBytes is how much of a message one chunk carries.
	ChunkBytes = 1 << 20
	// MessageBytes is the largest message that is sent or accepted; protobuf itself stops at 2 GiB.
	MessageBytes = 1 << 30
	// WindowBytes is the flow control window of both ends, wide enough for a batch to cross without waiting.
	WindowBytes = 16 << 20
)

// SendBytes sends data as one message of chunks.
func SendBytes(send func(*pb.Chunk) error, data []byte) error {
	if len(data) > MessageBytes {
		return fmt.Errorf("a message of %d bytes passes the limit of %d", len(data), MessageBytes)
	}
	for {
		n := min(len(data), ChunkBytes)
		if err := send(&pb.Chunk{Data: data[:n], Last: n == len(data)}); err != nil {
			return err
		}
		if data = data[n:]; len(data) == 0 {
			return nil
		}
	}
}

// ReceiveBytes receives one message of chunks. It returns [io.EOF] where the stream ends before it, and
// [io.ErrUnexpectedEOF] where it ends within.
func ReceiveBytes(receive func() (*pb.Chunk, error)) ([]byte, error) {
	var data []byte
	for first := true; ; first = false {
		c, err := receive()
		if err != nil {
			if !first && errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return nil, err
		}
		if len(data)+len(c.GetData()) > MessageBytes {
			return nil, fmt.Errorf("a message passes the limit of %d bytes", MessageBytes)
		}
		if first && c.GetLast() {
			return c.GetData(), nil
		}
		data = append(data, c.GetData()...)
		if c.GetLast() {
			return data, nil
		}
	}
}

// SendMessage sends m as chunks.
func SendMessage(send func(*pb.Chunk) error, m proto.Message) error {
	data, err := proto.Marshal(m)
	if err != nil {
		return fmt.Errorf("encoding a %s: %w", m.ProtoReflect().Descriptor().Name(), err)
	}
	return SendBytes(send, data)
}

// ReceiveMessage receives chunks into m, with the errors of [ReceiveBytes].
func ReceiveMessage(receive func() (*pb.Chunk, error), m proto.Message) error {
	data, err := ReceiveBytes(receive)
	if err != nil {
		return err
	}
	if err := proto.Unmarshal(data, m); err != nil {
		return fmt.Errorf("decoding a %s of %d bytes: %w", m.ProtoReflect().Descriptor().Name(), len(data), err)
	}
	return nil
}
