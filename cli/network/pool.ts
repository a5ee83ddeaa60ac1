/** `collatz pool`: the registered nodes, and what the next draw would deal to each. */
import { defineCommand } from 'citty'
import { homeDirectory, openHome } from '../../orbit/node/home/home.ts'
import { limitsAt, rosterAt } from '../../orbit/rules/draw/roster.ts'
import { excludedAt } from '../../orbit/rules/draw/seal.ts'
import { allowancesAt } from '../../orbit/rules/membership/allowance.ts'
import { isFresh } from '../../orbit/rules/membership/heartbeats.ts'
import { nextEpoch, sealingLead, seedRound } from '../../orbit/rules/network/schedule.ts'
import { outstanding } from '../../orbit/rules/state/duties.ts'
import { missBalance } from '../../orbit/rules/state/misses.ts'
import type { State } from '../../orbit/rules/state/state.ts'
import { shownName } from '../../site/text.ts'
import { shared } from '../shell/command.ts'
import { printJson, table } from '../shell/print.ts'
import { presentRound, readSource } from './state-source.ts'

/**
 * The roster of the next draw, if it were sealed now; and how many tickets each account may have in
 * it.
 */
export function nextRoster(state: State, round: number) {
  const { genesis } = state
  const epoch = nextEpoch(genesis, round)
  const allowances = allowancesAt(state)
  const excluded = new Set(excludedAt(state, round))
  // Who is there now would be on the roster if the draw were sealed now: it is, a while before its
  // round.
  const at = Math.min(seedRound(genesis, epoch), round + sealingLead(genesis))
  const roster = rosterAt(state, state.heartbeats.values(), excluded, epoch, allowances, at)
  return { epoch, roster, limitOf: limitsAt(state, epoch, allowances) }
}

export const pool = defineCommand({
  meta: { name: 'pool', description: 'registered nodes, which of them are fresh, and what they owe' },
  args: { ...shared },
  async run({ args }) {
    const home = openHome(homeDirectory(args.data))
    const { state, live } = await readSource(home)
    const round = presentRound(home, live)
    const { owed } = outstanding(state, round)
    const misses = missBalance(state, round)
    const { epoch: next, roster, limitOf } = nextRoster(state, round)
    const tickets = new Map(roster.map((entry) => [entry.node, entry.capacity]))
    const nodes = [...state.nodes.values()].map(({ node, account, name }) => {
      const heartbeat = state.heartbeats.get(node)
      return {
        node,
        account,
        name,
        heartbeatRound: heartbeat?.round ?? null,
        fresh: heartbeat !== undefined && isFresh(home.genesis, heartbeat, round),
        capacity: heartbeat?.capacity ?? 0,
        owed: owed.get(node) ?? 0,
        missed: misses.get(account) ?? 0,
        allowance: limitOf(account),
        tickets: tickets.get(node) ?? 0,
        eligible: tickets.has(node),
      }
    })
    if (args.json) return printJson({ round, nextEpoch: next, nodes })
    if (nodes.length === 0) return console.log('Nobody has registered yet: `collatz work` does that.')
    const rows = nodes.map((n) => [
      shownName(n.name),
      n.account.slice(0, 12),
      n.node.slice(0, 12),
      n.heartbeatRound ?? 'never',
      n.fresh ? 'fresh' : 'stale',
      n.capacity,
      n.owed,
      n.missed,
      n.allowance,
      n.tickets,
    ])
    console.log(`beacon round ${round}; the next draw is of epoch ${next}\n`)
    console.log(
      table(['name', 'account', 'node', 'last round', 'state', 'takes', 'owes', 'missed', 'allowed', 'tickets'], rows),
    )
  },
})
