"""PPO in PyTorch, for BenchmarkAgainstTorch: environment steps a second, rollout and all update epochs counted.

The same environment (one-shot episodes over stored outcomes, 128 side by side, 32 steps each), network
(384 -> 64 -> 64, tanh, a policy head of 11 and a value head), losses and numbers of minibatches and epochs as the
Go benchmark. Arguments: seconds to measure.
"""
import sys
import time

import torch
from torch import nn

SLOTS, HORIZON, IN, ACTIONS, HIDDEN = 128, 32, 384, 11, 64
EPOCHS, MINIBATCHES, CLIP, GAMMA, LAM = 4, 8, 0.2, 1.0, 0.95
torch.manual_seed(1)

prompts = torch.randn(8192, IN)
outcome = torch.rand(8192, ACTIONS)


class Actor(nn.Module):
    def __init__(self):
        super().__init__()
        self.trunk = nn.Sequential(nn.Linear(IN, HIDDEN), nn.Tanh(), nn.Linear(HIDDEN, HIDDEN), nn.Tanh())
        self.policy, self.value = nn.Linear(HIDDEN, ACTIONS), nn.Linear(HIDDEN, 1)
        for layer, gain in ((self.trunk[0], 2**0.5), (self.trunk[2], 2**0.5), (self.policy, 0.01), (self.value, 1.0)):
            nn.init.orthogonal_(layer.weight, gain)
            nn.init.zeros_(layer.bias)

    def forward(self, x):
        h = self.trunk(x)
        return torch.log_softmax(self.policy(h), -1), self.value(h).squeeze(-1)


actor = Actor()
adam = torch.optim.Adam(actor.parameters(), lr=1e-3, eps=1e-5, fused=True)  # one kernel for all weights
rows = SLOTS * HORIZON


state = torch.empty(HORIZON, SLOTS, IN)
action = torch.empty(HORIZON, SLOTS, dtype=torch.long)
logp, value, reward, advantage = (torch.empty(HORIZON, SLOTS) for _ in range(4))
done = torch.ones(HORIZON, SLOTS)  # an episode of one step


def iterate():
    with torch.no_grad():
        for t in range(HORIZON):
            at = torch.randint(len(prompts), (SLOTS,))
            torch.index_select(prompts, 0, at, out=state[t])
            lp, v = actor(state[t])
            a = torch.multinomial(lp.exp(), 1).squeeze(-1)
            action[t], value[t] = a, v
            logp[t] = lp.gather(-1, a.unsqueeze(-1)).squeeze(-1)
            reward[t] = outcome[at, a]
        last, after = torch.zeros(SLOTS), torch.zeros(SLOTS)
        for t in reversed(range(HORIZON)):
            delta = reward[t] + GAMMA * after * (1 - done[t]) - value[t]
            last = delta + GAMMA * LAM * last * (1 - done[t])
            advantage[t], after = last, value[t]
        target = advantage + value
    flat = [x.reshape(rows, -1).squeeze(-1) for x in (state, action, logp, value, advantage, target)]
    for _ in range(EPOCHS):
        for batch in torch.randperm(rows).split(rows // MINIBATCHES):
            s, a, old, v_old, adv, goal = (x[batch] for x in flat)
            lp, v = actor(s)
            adv = (adv - adv.mean()) / (adv.std(unbiased=False) + 1e-8)
            ratio = (lp.gather(-1, a.unsqueeze(-1)).squeeze(-1) - old).exp()
            policy = -torch.min(ratio * adv, ratio.clamp(1 - CLIP, 1 + CLIP) * adv).mean()
            near = v_old + (v - v_old).clamp(-CLIP, CLIP)
            values = 0.5 * torch.max((v - goal) ** 2, (near - goal) ** 2).mean()
            entropy = -(lp.exp() * lp).sum(-1).mean()
            adam.zero_grad(set_to_none=True)
            (policy + 0.5 * values - 0.003 * entropy).backward()
            nn.utils.clip_grad_norm_(actor.parameters(), 0.5)
            adam.step()


def speed(seconds):
    began, count = time.perf_counter(), 0
    while time.perf_counter() - began < seconds:
        iterate()
        count += 1
    return count * rows / (time.perf_counter() - began)


iterate()
# Small products are not always faster on more threads: the better number is found first.
by_threads = {}
for threads in {1, torch.get_num_threads()}:
    torch.set_num_threads(threads)
    iterate()
    by_threads[threads] = speed(1)
torch.set_num_threads(max(by_threads, key=by_threads.get))
print(speed(float(sys.argv[1])))
