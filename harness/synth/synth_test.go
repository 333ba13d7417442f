package synth

import (
	"fmt"
	"testing"
	"time"
)

func TestLook(t *testing.T) {
	t0 := time.Now()
	s, err := Generate(Default())
	if err != nil {
		t.Fatal(err)
	}
	fmt.Println(time.Since(t0))
	fmt.Printf("%+v\n", s.Truth.Summary())
	for seed := range uint64(6) {
		p := Default()
		p.Seed = seed
		s, _ := Generate(p)
		u := s.Truth.Summary()
		fmt.Printf("%v %.3f %.3f %.3f %.3f\n", u.BestSingle, u.BestSingleScore, u.SeenScore, u.OracleScore, u.SingleScore)
	}
	for i := range 4 {
		fmt.Println(s.Trace.Prompts.Category[i], s.Trace.Prompts.Text[i])
		fmt.Println(s.Response(i, 0), s.Response(i, 6))
	}
}
