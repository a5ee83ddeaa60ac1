import { defineCommand } from 'citty'
import { leavesOf } from '../../kernels/partition.ts'
import { homeDirectory, openHome } from '../../orbit/node/home/home.ts'
import { captureBound, costOfAccounts, detectionChance, passChance, toNumber } from '../../orbit/rules/deal/capture.ts'
import { roundAt } from '../../orbit/rules/network/beacon.ts'
import { coreSecondsOf } from '../../orbit/rules/network/puzzle.ts'
import { shared } from '../shell/command.ts'
import { EXIT, UserError } from '../shell/errors.ts'
import { printJson, table } from '../shell/print.ts'
import { nextRoster } from './pool.ts'
import { readSource } from './source.ts'

const SHARES = [0.01, 0.05, 0.1, 0.25, 0.33, 0.5]
/** Shares of a unit that a liar might skip. */
const LIES = [0.01, 0.1, 0.5, 1]
const NEW_ACCOUNTS = [1, 10, 100, 1000]
const MOST_ACCOUNTS = 1_000_000_000
/** Units that a node can offer to take (events.ts). */
const MOST_OFFERED = 4096

/** "0.25" or "25%". @throws {UserError} */
function shareOf(text: string): number {
  const [, digits, percent] = /^\s*([0-9]+(?:\.[0-9]+)?|\.[0-9]+)\s*(%?)\s*$/.exec(text) ?? []
  const share = Number(digits ?? Number.NaN) / (percent ? 100 : 1)
  if (share > 0 && share <= 1) return share
  throw new UserError(`--shares has "${text.trim()}": give shares above 0 and up to 1, such as 0.25 or 25%`, EXIT.usage)
}

/** @throws {UserError} */
function accountsOf(text: string): number {
  const accounts = Number(text)
  if (/^\s*[0-9]+\s*$/.test(text) && accounts >= 1 && accounts <= MOST_ACCOUNTS) return accounts
  throw new UserError(
    `--accounts has "${text.trim()}": give whole numbers from 1 to ${MOST_ACCOUNTS}, with commas between them`,
    EXIT.usage,
  )
}

export const security = defineCommand({
  meta: { name: 'security', description: 'what a party must hold, or pay, to have a unit’s quorum to itself' },
  args: {
    shares: {
      type: 'string',
      description: 'shares of the tickets that a party may hold, such as 0.1,25% (default 1% to 50%)',
      valueHint: 'S,S',
    },
    accounts: {
      type: 'string',
      description: 'how many accounts it may register (default 1,10,100,1000)',
      valueHint: 'M,M',
    },
    ...shared,
  },
  async run({ args }) {
    const home = openHome(homeDirectory(args.data))
    const wanted = args.shares === undefined ? SHARES : args.shares.split(',').map(shareOf)
    const numbers = args.accounts === undefined ? NEW_ACCOUNTS : args.accounts.split(',').map(accountsOf)
    const { state, live } = await readSource(home)
    const { replication, registration, allowance } = home.genesis.body
    const round = live?.round ?? roundAt(home.genesis.chain, Math.floor(Date.now() / 1000))
    const newest = [...state.draws.values()].at(-1)?.draw.body
    const { epoch, roster } = newest ?? nextRoster(state, round)
    const tickets = roster.reduce((sum, entry) => sum + entry.capacity, 0)
    if (tickets === 0) throw new UserError('no draw is under way and nobody is there for the next: see `collatz pool`')
    const shares = wanted.map((share) => {
      const held = Math.round(share * tickets)
      return { share, tickets: held, chance: toNumber(captureBound(held, tickets, replication)) }
    })
    // It would ask for all that a new account may get: the more tickets each has, the fewer accounts it takes.
    const capacity = Math.min(allowance.newcomer, MOST_OFFERED)
    const price = coreSecondsOf(registration)
    const costs = numbers.map((accounts) => {
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
    const passing = wanted.map((share) => {
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
        epoch,
        nodes: roster.length,
        tickets,
        replication,
        coreSecondsPerAccount: price,
        shares,
        costs,
      })
    const counted = (n: number, what: string) => `${n} ${what}${n === 1 ? '' : 's'}`
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

Roster of epoch ${epoch}: ${counted(roster.length, 'node')}, ${counted(tickets, 'ticket')}, N = ${replication}.

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
