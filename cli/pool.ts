import { defineCommand } from 'citty'
import { homeDirectory, openHome } from '../orbit/node/home.ts'
import { roundAt } from '../orbit/rules/beacon.ts'
import { excludedAt } from '../orbit/rules/draw.ts'
import { missesInARow, outstanding } from '../orbit/rules/duties.ts'
import { isFresh, rosterAt } from '../orbit/rules/roster.ts'
import { shared } from './command.ts'
import { printJson, table } from './print.ts'
import { readSource } from './source.ts'

export const pool = defineCommand({
  meta: { name: 'pool', description: 'registered nodes, which of them are fresh, and what they owe' },
  args: { ...shared },
  async run({ args }) {
    const home = openHome(homeDirectory(args.data))
    const { state, live } = await readSource(home)
    const round = live?.round ?? roundAt(home.genesis.chain, Math.floor(Date.now() / 1000))
    const { owed } = outstanding(state, round)
    const misses = missesInARow(state, round)
    const next = Math.floor(round / home.genesis.body.epoch.rounds) + 1
    const roster = rosterAt(state, state.heartbeats.values(), new Set(excludedAt(state, round)), next)
    const eligible = new Set(roster.map((entry) => entry.node))
    const nodes = [...state.nodes.values()].map(({ node, account, name }) => {
      const heartbeat = state.heartbeats.get(node)
      return {
        node,
        account,
        name,
        lastRound: heartbeat?.round ?? null,
        fresh: heartbeat !== undefined && isFresh(home.genesis, heartbeat, round),
        capacity: heartbeat?.capacity ?? 0,
        owed: owed.get(node) ?? 0,
        missed: misses.get(account) ?? 0,
        eligible: eligible.has(node),
      }
    })
    if (args.json) return printJson({ round, nextEpoch: next, nodes })
    if (nodes.length === 0) return console.log('Nobody has registered yet: `collatz work` does that.')
    const rows = nodes.map((n) => [
      n.name,
      n.account.slice(0, 12),
      n.node.slice(0, 12),
      n.lastRound ?? 'never',
      n.fresh ? 'fresh' : 'stale',
      n.capacity,
      n.owed,
      n.missed,
      n.eligible ? 'yes' : 'no',
    ])
    console.log(`beacon round ${round}; the next draw is of epoch ${next}\n`)
    console.log(
      table(['name', 'account', 'node', 'last round', 'state', 'takes', 'owes', 'missed', 'in next draw'], rows),
    )
  },
})
