package agent

// GAE is generalised advantage estimation (Schulman et al., arXiv 1506.02438): with
//
//	δ_t = r_t + γ·V(s_{t+1}) − V(s_t)   and   A_t = δ_t + γλ·A_{t+1},
//
// both cut where an episode ends. It fills advantage and target = A + V, row t·Slots + slot as in the rollout.
func (r *Rollout) GAE(gamma, lambda float64, advantage, target []float32) {
	for slot := range r.Slots {
		next, later := float64(r.Last[slot]), 0.0
		for t := r.Horizon - 1; t >= 0; t-- {
			row := t*r.Slots + slot
			if r.Done[row] {
				next, later = 0, 0
			}
			value := float64(r.Value[row])
			delta := float64(r.Reward[row]) + gamma*next - value
			later = delta + gamma*lambda*later
			advantage[row], target[row] = float32(later), float32(later+value)
			next = value
		}
	}
}
