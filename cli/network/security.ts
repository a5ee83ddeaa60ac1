/**
 * `collatz security`: what a party must hold, or pay, to have a unit's quorum to itself, and what
 * audits cost and find.
 *
 * The formulas are the rules' (deal/capture.ts, quorum/audit.ts); here they meet the roster of this
 * network.
 */

import { defineCommand } from 'citty'
import { leavesOf } from '../../kernels/partition.ts'
import { homeDirectory, openHome } from '../../orbit/node/home/home.ts'
import { captureBound, costOfAccounts, detectionChance, passChance, toNumber } from '../../orbit/rules/deal/capture.ts'
import type { GenesisBody } from '../../orbit/rules/network/genesis.ts'
import { coreSecondsOf } from '../../orbit/rules/network/puzzle.ts'
import type { State } from '../../orbit/rules/state/state.ts'
import { shared } from '../shell/command.ts'
import { EXIT, UserError } from '../shell/errors.ts'
import { printJson, table } from '../shell/print.ts'
import { nextRoster } from './pool.ts'
import { presentRound, readSource } from './state-source.ts'

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
    const shares = args.shares === undefined ? SHARES : args.shares.split(',').map(shareOf)
    const accounts = args.accounts === undefined ? NEW_ACCOUNTS : args.accounts.split(',').map(accountsOf)
    const { state, live } = await readSource(home)
    const report = reportOn(state, presentRound(home, live), shares, accounts)
    if (args.json) printJson(report)
    else console.log(textOf(report, capacityOf(home.genesis.body)))
  },
})

/**
 * Units that a new account would ask for: the more tickets each has, the fewer accounts it takes.
 */
const capacityOf = ({ allowance }: GenesisBody): number => Math.min(allowance.newcomer, MOST_OFFERED)

type Report = ReturnType<typeof reportOn>

/**
 * @param round the present one
 * @param shares of the tickets, above 0 and up to 1
 * @param numbers of new accounts
 */
function reportOn(state: State, round: number, shares: readonly number[], numbers: readonly number[]) {
  const { genesis, draws } = state
  const { audit, partition, registration, replication } = genesis.body
  const newest = [...draws.values()].at(-1)?.draw.body
  const { epoch, roster } = newest ?? nextRoster(state, round)
  const tickets = roster.reduce((sum, entry) => sum + entry.capacity, 0)
  if (tickets === 0) throw new UserError('no draw is under way and nobody is there for the next: see `collatz pool`')
  const leaves = leavesOf(partition, 0).length
  const wrongLeaves = (share: number) => Math.max(1, Math.round(share * leaves))
  const coreSeconds = coreSecondsOf(registration)
  // Core-seconds per certified unit, in units of one computation of it; every audit that can be is
  // counted.
  const audits = (audit.auditors * audit.leaves) / leaves
  const others = new Set(roster.map(({ account }) => account)).size - 1
  const passing = shares.map((share) => {
    const colluders = Math.round(share * others)
    return {
      ...{ share, colluders },
      chances: LIES.map((lie) => ({
        share: lie,
        chance: passChance(audit, [others, colluders], [leaves, wrongLeaves(lie)]),
      })),
    }
  })
  return {
    audit: {
      ...{ ...audit, leavesAUnit: leaves },
      detection: LIES.map((share) => {
        const wrong = wrongLeaves(share)
        return { share, leaves: wrong, chance: detectionChance(leaves, wrong, audit.leaves) }
      }),
      cost: { unanimous: replication + audits, adaptive: 1 + audits },
      ...(audit.adaptive ? { passing } : {}),
    },
    ...{ epoch, nodes: roster.length, tickets, replication, coreSecondsPerAccount: coreSeconds },
    shares: shares.map((share) => {
      const captured = Math.round(share * tickets)
      return { share, tickets: captured, chance: toNumber(captureBound(captured, tickets, replication)) }
    }),
    costs: numbers.map((accounts) => {
      const cost = costOfAccounts({ accounts, tickets, capacity: capacityOf(genesis.body), replication, coreSeconds })
      return { accounts, share: toNumber(cost.share), chance: toNumber(cost.capture), coreSeconds: cost.coreSeconds }
    }),
  }
}

const counted = (n: number, what: string): string => `${n} ${what}${n === 1 ? '' : 's'}`
const percent = (x: number): string => `${(x * 100).toPrecision(3)} %`

function textOf({ audit, ...report }: Report, capacity: number): string {
  return `${auditText(audit, report.replication)}${audit.passing ? passingText(audit.passing) : ''}

Roster of epoch ${report.epoch}: ${counted(report.nodes, 'node')}, ${counted(report.tickets, 'ticket')}, N = ${report.replication}.

A party that holds a share of the tickets has a given unit's whole quorum with a chance of at most:
${table(
  ['share', 'tickets', 'chance'],
  report.shares.map((s) => [percent(s.share), s.tickets, percent(s.chance)]),
)}

New accounts, each of ${capacity} tickets, at ${report.coreSecondsPerAccount.toPrecision(3)} core-seconds:
${table(
  ['accounts', 'share', 'chance', 'core-seconds'],
  report.costs.map((c) => [c.accounts, percent(c.share), percent(c.chance), c.coreSeconds.toPrecision(3)]),
)}`
}

function auditText({ cost, detection, ...audit }: Report['audit'], replication: number): string {
  const inUse = (is: boolean) => (is ? ' (this network)' : '')
  return `Audits: ${audit.leaves} of ${audit.leavesAUnit} leaves, drawn by a later beacon round, by each of ${audit.auditors} others.

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
}

const passingText = (passing: NonNullable<Report['audit']['passing']>): string => `

A trusted account's lie is certified, for shares of the other accounts that are in on it, with a chance of:
${table(
  ['share', 'accounts', ...LIES.map((lie) => `${percent(lie)} wrong`)],
  passing.map((p) => [percent(p.share), p.colluders, ...p.chances.map(({ chance }) => percent(chance))]),
)}
An account that its own leaves show to be wrong is lost. One that hides them is not shown to be wrong: its result does not
count, and it is a miss.`
