/**
 * `collatz account show`: what is known of an account, each line with its evidence.
 *
 * The figures are the rules' (state/profile.ts); here they get words, and the files that prove them
 * on this disk.
 */
import { existsSync } from 'node:fs'
import { defineCommand } from 'citty'
import { certificatePath } from '../../orbit/node/home/certificate-files.ts'
import { fraudProofPath } from '../../orbit/node/home/fraud-proof-files.ts'
import { homeDirectory, openHome } from '../../orbit/node/home/home.ts'
import { publicKeyOf } from '../../orbit/rules/base/statement.ts'
import { allowanceFor } from '../../orbit/rules/membership/allowance.ts'
import type { Genesis } from '../../orbit/rules/network/genesis.ts'
import type { Conviction } from '../../orbit/rules/quorum/convictions.ts'
import { missBalance } from '../../orbit/rules/state/misses.ts'
import { type AccountHistory, accountHistory, accountsNamed } from '../../orbit/rules/state/profile.ts'
import type { State } from '../../orbit/rules/state/state.ts'
import type { AccountState } from '../../orbit/rules/state/tally.ts'
import { plainText, shownName } from '../../site/text.ts'
import { presentRound, readSource } from '../network/state-source.ts'
import { shared } from '../shell/command.ts'
import { UserError } from '../shell/errors.ts'
import { printJson, table } from '../shell/print.ts'

/** Lines shown without --all. */
const NEWEST = 20
/** Accounts listed when several carry a name. */
const LISTED = 10

export const show = defineCommand({
  meta: {
    name: 'show',
    description: 'units, level and what it rests on, nodes, misses, convictions: each with its evidence',
  },
  args: {
    account: { type: 'positional', description: 'its name or its key (default: your own)', required: false },
    all: { type: 'boolean', description: `all certified units instead of the newest ${NEWEST}` },
    ...shared,
  },
  async run({ args }) {
    const home = openHome(homeDirectory(args.data))
    const ownKey = publicKeyOf(home.accountKey)
    const { state, live } = await readSource(home)
    const found = args.account === undefined ? ownAccount(state, ownKey) : pick(state, args.account)
    const round = presentRound(home, live)
    const shown: Shown = {
      ...{ ...accountHistory(state, found), own: found.account === ownKey },
      missBalance: missBalance(state, round).get(found.account) ?? 0,
      directory: home.directory,
    }
    if (args.json) printJson(json(shown))
    else console.log(text(home.genesis, shown, Boolean(args.all)))
  },
})

interface Shown extends AccountHistory {
  readonly own: boolean
  /** Units missed or declined, less those shown (duties.ts). */
  readonly missBalance: number
  /** The data directory. */
  readonly directory: string
}

function ownAccount(state: State, key: string): AccountState {
  const found = state.accounts.find(({ account }) => account === key)
  if (found) return found
  throw new UserError(
    `your account ${key} is not registered yet: \`collatz work\` does that. For another, give its name or key`,
  )
}

function pick(state: State, given: string): AccountState {
  const named = accountsNamed(state, given)
  // Typed with combining marks, where names are composed.
  const [found, ...others] = named.length > 0 ? named : accountsNamed(state, given.normalize('NFC'))
  const name = plainText(given, 80)
  if (!found) {
    throw new UserError(`no account is called "${name}", nor has that key: \`collatz pool\` lists names and keys`)
  }
  if (others.length === 0) return found
  const keys = [found, ...others].map(({ account }) => account)
  const rest = keys.length > LISTED ? ` and ${keys.length - LISTED} more` : ''
  throw new UserError(
    `"${name}" may be any of ${keys.length} accounts: give the key of the one you mean: ${keys.slice(0, LISTED).join(', ')}${rest}`,
  )
}

/** Where the file is, or null when there is none yet. */
const present = (path: string): string | null => (existsSync(path) ? path : null)

function json(account: Shown) {
  const { conviction, directory, settled, missBalance: behind, ...rest } = account
  return {
    ...rest,
    // A banned account is on no roster: nothing is asked of it.
    missBalance: conviction ? null : behind,
    settled: settled.map((credit) => ({
      ...credit,
      certificate: present(certificatePath(directory, credit.window)),
    })),
    convictions: conviction
      ? [
          {
            ...{ kind: conviction.kind, node: conviction.node, epoch: conviction.epoch, window: conviction.window },
            ...{ unit: conviction.unit, leaf: conviction.leaf, evidence: conviction.evidence },
            proof: present(fraudProofPath(directory, conviction)),
          },
        ]
      : [],
  }
}

function text(genesis: Genesis, account: Shown, all: boolean): string {
  const { units, hardNumbers, dealtAt, nodes, conviction, directory, certified, settled } = account
  const last = dealtAt === null ? '' : `; the newest was dealt at beacon round ${dealtAt}`
  const certificateOf = (window: bigint) => present(certificatePath(directory, window)) ?? 'not on this disk'
  const lines = [
    `account   ${account.names.map((name) => shownName(name)).join(', ')}${account.own ? ' (your own)' : ''}`,
    `key       ${account.account}`,
    `level     ${levelText(genesis, account)}`,
    `units     ${units} certified, ${hardNumbers} hard numbers${last}`,
  ]
  if (!conviction) {
    lines.push(
      `misses    ${account.missBalance} more than results shown; at ${genesis.body.missLimit} it is dealt nothing until it registers again, as \`collatz work\` does by itself`,
    )
  }
  if (!conviction) {
    const { newcomer } = genesis.body.allowance
    lines.push(
      account.best > 0
        ? `dealt     up to ${allowanceFor(account.best)} units an epoch, as its best epoch of late had ${account.best}; ${newcomer} a deadline in any case`
        : `dealt     up to ${newcomer} units a deadline, until one of them is certified`,
    )
  }
  for (const { node, name, round } of nodes) {
    lines.push(`node      ${node}, registered at beacon round ${round} as ${shownName(name)}`)
  }
  if (conviction) {
    const { kind, leaf, unit, window, epoch, node, evidence } = conviction
    const where = `${leaf === null ? '' : `leaf ${leaf} of `}unit ${unit} of window ${window}, epoch ${epoch}`
    lines.push(
      `convicted ${kind}: ${where}, by node ${node.slice(0, 12)}`,
      ...evidence.map((cid) => `          signed ${cid}`),
      `          ${proofText(conviction, directory)}`,
    )
  }
  const newest = all ? certified : certified.slice(0, NEWEST)
  const windows = all ? settled : settled.slice(0, NEWEST - newest.length)
  if (newest.length > 0) {
    const rows = newest.map((u) => {
      const evidence = [u.draw, u.commit, u.reveal, u.audits.join(' ')]
      return [u.epoch, u.window.toString(), u.unit, u.hardNumbers, ...evidence]
    })
    const audits = newest.some((u) => u.audits.length > 0) ? ['audits'] : []
    const heads = ['epoch', 'window', 'unit', 'hard', 'draw', 'commit', 'reveal', ...audits]
    lines.push('', table(heads, audits.length > 0 ? rows : rows.map((row) => row.slice(0, -1))))
  }
  if (windows.length > 0) {
    const rows = windows.map((s) => [s.window.toString(), s.units, s.hardNumbers, certificateOf(s.window)])
    lines.push('', table(['settled window', 'units', 'hard', 'certificate'], rows))
  }
  const left = certified.length + settled.length - newest.length - windows.length
  if (left > 0) lines.push('', `and ${left} more lines: --all shows them`)
  return lines.join('\n')
}

function proofText(conviction: Conviction, directory: string): string {
  const proof = present(fraudProofPath(directory, conviction))
  if (proof) return `proof  ${proof}`
  if (conviction.reveals.length > 0 || conviction.claim)
    return 'proof  not on this disk yet: a node writes it as it runs'
  return `proof  in the certificate of window ${conviction.window}, which is settled`
}

function levelText(genesis: Genesis, { level, units, conviction, standing }: Shown): string {
  if (conviction) return 'BANNED: it is convicted, as below, and stays so; its owner may register another account'
  const { earned, dropped, idle, next } = standing
  const { idleRounds } = genesis.body.trust
  const rise = next ? `; ${next.level} takes ${next.units}` : ''
  if (dropped === 0) return `${level}: by ${units} certified units${rise}`
  return (
    `${level}: ${units} certified units earned ${earned}, less ${dropped} for ${idle} rounds without another ` +
    `(one for each ${idleRounds})${rise}`
  )
}
