package plot

// Named is a figure, the base of its file's name, and what is said of it wherever it is shown.
type Named struct {
	Name   string
	Pool   string
	Policy string // that it is about; "" for one about all
	Figure Figure
	// Caption says what to see, what each mark means, and how many prompts it rests on.
	Caption string
	// Rank orders figures by how much they tell: a report shows the first few.
	Rank int
}
