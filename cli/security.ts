import { defineCommand } from 'citty'
import { homeDirectory, openHome } from '../orbit/node/home.ts'
import { coreSecondsOf } from '../orbit/rules/puzzle.ts'
import { captureBound, costOfAccounts, toNumber } from '../orbit/rules/security.ts'
import { shared, UserError } from './command.ts'
import { printJson, table } from './print.ts'
import { readSource } from './source.ts'

const SHARES = [0.01, 0.05, 0.1, 0.25, 0.33, 0.5]
const NEW_ACCOUNTS = [1, 10, 100, 1000]

export const security = defineCommand({
  meta: { name: 'security', description: 'what a party must hold, or pay, to have a unit’s quorum to itself' },
  args: { ...shared },
  async run({ args }) {
    const home = openHome(homeDirectory(args.data))
    const { state } = await readSource(home)
    const { replication, registration } = home.genesis.body
    const newest = [...state.draws.keys()].at(-1)
    const roster = newest === undefined ? [] : state.draws.get(newest)!.draw.body.roster
    const tickets = roster.reduce((sum, entry) => sum + entry.capacity, 0)
    if (tickets === 0)
      throw new UserError('no draw has been dealt yet, so there is no roster to speak of: see `collatz pool`')
    const shares = SHARES.map((share) => {
      const held = Math.round(share * tickets)
      return { share, tickets: held, chance: toNumber(captureBound(held, tickets, replication)) }
    })
    const capacity = Math.max(1, Math.round(tickets / roster.length))
    const price = coreSecondsOf(registration)
    const costs = NEW_ACCOUNTS.map((accounts) => {
      const cost = costOfAccounts({ accounts, tickets, capacity, replication, coreSeconds: price })
      return { accounts, share: toNumber(cost.share), chance: toNumber(cost.capture), coreSeconds: cost.coreSeconds }
    })
    if (args.json)
      return printJson({
        epoch: newest,
        nodes: roster.length,
        tickets,
        replication,
        coreSecondsPerAccount: price,
        shares,
        costs,
      })
    const percent = (x: number) => `${(x * 100).toPrecision(3)} %`
    console.log(`Roster of epoch ${newest}: ${roster.length} nodes, ${tickets} tickets, N = ${replication}.

A party that holds a share of the tickets has a given unit's whole quorum with a chance of at most:
${table(
  ['share', 'tickets', 'chance'],
  shares.map((s) => [percent(s.share), s.tickets, percent(s.chance)]),
)}

New accounts, each of ${capacity} tickets, at ${price.toPrecision(3)} core-seconds:
${table(
  ['accounts', 'share', 'chance', 'core-seconds'],
  costs.map((c) => [c.accounts, percent(c.share), percent(c.chance), c.coreSeconds.toPrecision(3)]),
)}`)
  },
})
