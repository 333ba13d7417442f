package replay

// shareCount counts how many present outcomes had a quantity logged, and known at all.
type shareCount struct {
	present, estimated, imputed   int
	unbilled                      Unbilled
	unread                        int
	cost, energy, carbon, latency quantityCount
}

type quantityCount struct{ logged, known int }

func (q *quantityCount) see(logged, known bool) {
	if logged {
		q.logged++
	}
	if known {
		q.known++
	}
}

func (c *shareCount) add(o *shareCount) {
	c.present += o.present
	c.estimated += o.estimated
	c.imputed += o.imputed
	c.unbilled.add(&o.unbilled)
	c.unread += o.unread
	for _, q := range []struct{ to, from *quantityCount }{
		{&c.cost, &o.cost}, {&c.energy, &o.energy}, {&c.carbon, &o.carbon}, {&c.latency, &o.latency},
	} {
		q.to.logged += q.from.logged
		q.to.known += q.from.known
	}
}

func (c *shareCount) shares() Shares {
	part := func(n int) float64 {
		if c.present == 0 {
			return 0
		}
		return float64(n) / float64(c.present)
	}
	return Shares{
		CostUSD: part(c.cost.logged), EnergyWh: part(c.energy.logged), CarbonG: part(c.carbon.logged), LatencySec: part(c.latency.logged),
		KnownEnergyWh: part(c.energy.known), KnownCarbonG: part(c.carbon.known), KnownLatencySec: part(c.latency.known),
		ImputedCostUSD: part(c.imputed), EstimatedTokens: part(c.estimated), Unbilled: c.unbilled.Outcomes, Unread: c.unread,
	}
}
