import { defineCommand } from 'citty'
import { leavesOf } from '../kernels/partition.ts'
import { homeDirectory, openHome } from '../orbit/node/home.ts'
import { detectionChance, passChance } from '../orbit/rules/audit.ts'
import { coreSecondsOf } from '../orbit/rules/puzzle.ts'
import { captureBound, costOfAccounts, toNumber } from '../orbit/rules/security.ts'
import { shared, UserError } from './command.ts'
import { printJson, table } from './print.ts'
import { readSource } from './source.ts'

const SHARES = [0.01, 0.05, 0.1, 0.25, 0.33, 0.5]
/** Shares of a unit that a liar might skip. */
const LIES = [0.01, 0.1, 0.5, 1]
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
    const { audit, partition } = home.genesis.body
    const leaves = leavesOf(partition, 0).length
    const detection = LIES.map((share) => {
      const wrong = Math.max(1, Math.round(share * leaves))
      return { share, leaves: wrong, chance: detectionChance(leaves, wrong, audit.leaves) }
    })
    // Core-seconds per certified unit, in units of one computation of it; every audit that can be is counted.
    const audits = (audit.auditors * audit.leaves) / leaves
    const cost = { unanimous: replication + audits, adaptive: 1 + audits }
    const accounts = new Set(roster.map(({ account }) => account)).size
    const passing = SHARES.map((share) => {
      const colluders = Math.round(share * (accounts - 1))
      return {
        ...{ share, colluders },
        chances: LIES.map((lie) => {
          const wrong = Math.max(1, Math.round(lie * leaves))
          return { share: lie, chance: passChance(audit, [accounts - 1, colluders], [leaves, wrong]) }
        }),
      }
    })
    if (args.json)
      return printJson({
        audit: { ...audit, leavesAUnit: leaves, detection, cost, ...(audit.adaptive ? { passing } : {}) },
        epoch: newest,
        nodes: roster.length,
        tickets,
        replication,
        coreSecondsPerAccount: price,
        shares,
        costs,
      })
    const percent = (x: number) => `${(x * 100).toPrecision(3)} %`
    const inUse = (is: boolean) => (is ? ' (this network)' : '')
    const lies = `Audits: ${audit.leaves} of ${leaves} leaves, drawn by a later beacon round, by each of ${audit.auditors} others.

Cost of a certified unit, in computations of it, its audit included:
${table(
  ['', 'computations'],
  [
    [`N = ${replication} agree${inUse(!audit.adaptive)}`, cost.unanimous.toFixed(3)],
    [`one trusted account, adaptive${inUse(audit.adaptive)}`, cost.adaptive.toFixed(3)],
  ],
)}

A quorum that agrees on a lie is caught, if an auditor is honest, with a chance of:
${table(
  ['share of the unit', 'wrong leaves', 'chance'],
  detection.map((d) => [percent(d.share), d.leaves, percent(d.chance)]),
)}`
    const alone = `

A trusted account's lie is certified, for shares of the other accounts that are in on it, with a chance of:
${table(
  ['share', 'accounts', ...LIES.map((lie) => `${percent(lie)} wrong`)],
  passing.map((p) => [percent(p.share), p.colluders, ...p.chances.map(({ chance }) => percent(chance))]),
)}
Whoever is shown wrong by his own leaves loses his account. One who hides them is not shown wrong: his result does not\ncount, and it is a miss.`
    console.log(`${lies}${audit.adaptive ? alone : ''}

Roster of epoch ${newest}: ${roster.length} nodes, ${tickets} tickets, N = ${replication}.

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
