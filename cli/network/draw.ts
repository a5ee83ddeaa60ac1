/**
 * `collatz draw`: who was dealt which units in an epoch.
 *
 * The draw comes from the documents that are here or, when its epoch is over, from a certificate
 * that rests on it. `collatz verify draw` recomputes it.
 */
import { defineCommand } from 'citty'
import { readCertificateFile } from '../../orbit/node/home/certificate-files.ts'
import { type Home, homeDirectory, openHome } from '../../orbit/node/home/home.ts'
import { readDealtDraws } from '../../orbit/rules/certificate/read.ts'
import type { DealtDraw } from '../../orbit/rules/deal/canonical-draws.ts'
import { accountsOn, witnessesNeeded, witnessesOf } from '../../orbit/rules/deal/witness.ts'
import { deadlineRound, seedRound } from '../../orbit/rules/network/schedule.ts'
import type { State } from '../../orbit/rules/state/state.ts'
import { isUnitCertified } from '../../orbit/rules/state/windows.ts'
import { shownName } from '../../site/text.ts'
import { shared, wholeNumber } from '../shell/command.ts'
import { UserError } from '../shell/errors.ts'
import { printJson, table } from '../shell/print.ts'
import { readSource } from './state-source.ts'

export const epochArg = {
  type: 'positional',
  description: 'epoch of the draw (default: the newest)',
  required: false,
} as const

export const draw = defineCommand({
  meta: { name: 'draw', description: 'who was dealt which units in an epoch' },
  args: { epoch: epochArg, ...shared },
  async run({ args }) {
    const home = openHome(homeDirectory(args.data))
    const { state } = await readSource(home)
    const dealt = pick(home, state, args.epoch)
    if (args.json) printJson(drawOf(state, dealt, witnesses(state, dealt)))
    else console.log(drawText(state, dealt))
  },
})

interface Witnesses {
  readonly accounts: number
  readonly needed: number
  readonly of: number
}

function pick(home: Home, state: State, given: string | undefined): DealtDraw {
  const newest = Math.max(...state.draws.keys())
  if (given === undefined && state.draws.size === 0)
    throw new UserError('no draw is under way: `collatz work` on the coordinator makes one')
  const wanted = given === undefined ? newest : wholeNumber('the epoch', given, 0, Number.MAX_SAFE_INTEGER)
  const dealt = state.draws.get(wanted) ?? settledDraw(home, state, wanted)
  if (dealt) return dealt
  const waiting = state.sealed.has(wanted)
    ? `is sealed, and waits for beacon round ${seedRound(state.genesis, wanted)}`
    : 'has no draw here'
  const known = state.draws.size === 0 ? 'none is under way' : `the newest that is dealt is ${newest}`
  throw new UserError(`epoch ${wanted} ${waiting}: ${known}`)
}

/**
 * The draw of an epoch that is over: its documents are gone, but the certificates that rest on it
 * have it.
 */
export function settledDraw({ directory }: Home, { genesis, windows }: State, epoch: number): DealtDraw | undefined {
  const round = seedRound(genesis, epoch)
  const candidates = [...windows.values()]
    .filter(({ settled }) => settled !== null && settled.dealtAt >= round)
    .sort((a, b) => a.settled!.dealtAt - b.settled!.dealtAt)
  for (const { window } of candidates) {
    const bytes = readCertificateFile(directory, window)
    const found = bytes && readDealtDraws(bytes).find(({ draw: { body } }) => body.epoch === epoch)
    if (found) return found
  }
  return undefined
}

/**
 * How many accounts of the roster say that they had the draw before its beacon round, and how many
 * have to. Of an epoch that is over, the certificate has as many as are needed.
 */
const witnesses = (state: State, { draw: { body }, cid }: DealtDraw): Witnesses => ({
  accounts: state.draws.has(body.epoch) ? witnessesOf(body, state.witnesses.get(cid)).length : witnessesNeeded(body),
  needed: witnessesNeeded(body),
  of: accountsOn(body),
})

export function drawOf(state: State, dealt: DealtDraw, seen: Witnesses) {
  const { draw, signature, assignments } = dealt
  const { body, signer } = draw
  return {
    epoch: body.epoch,
    coordinator: signer,
    cid: dealt.cid,
    pool: body.pool,
    excluded: body.excluded,
    trusted: body.trusted,
    allowances: body.allowances,
    witnesses: seen,
    beacon: { round: seedRound(state.genesis, body.epoch), signature: Buffer.from(signature).toString('hex') },
    deadlineRound: deadlineRound(state.genesis, body.epoch),
    roster: body.roster,
    offers: body.offers,
    units: assignments.map(({ window, unit, quorum, audited }) => ({
      ...{ window, unit, quorum, audited: audited !== null },
      certified: isUnitCertified(state.windows.get(window), unit),
    })),
  }
}

function drawText(state: State, dealt: DealtDraw): string {
  const { body } = dealt.draw
  const name = (node: string) => shownName(state.nodes.get(node)?.name ?? '') || node.slice(0, 12)
  const certified = ({ window, unit }: { window: bigint; unit: number }) =>
    isUnitCertified(state.windows.get(window), unit) ? 'certified' : 'open'
  const seen = witnesses(state, dealt)
  const dealtTo = ({ quorum, audited }: DealtDraw['assignments'][0]) =>
    quorum.map(name).join(', ') + (audited ? ' (trusted: with an audit)' : '')
  const rows = dealt.assignments.map((a) => [a.window.toString(), a.unit, dealtTo(a), certified(a)])
  return `epoch ${body.epoch}: ${body.roster.length} ${body.roster.length === 1 ? 'node' : 'nodes'} on the roster, ${dealt.assignments.length} units dealt, due by beacon round ${deadlineRound(state.genesis, body.epoch)};
witnessed by ${seen.accounts} of ${seen.of} accounts, ${seen.needed} are needed${seen.accounts < seen.needed ? ': it does not stand yet' : ''}

${table(['window', 'unit', 'dealt to', 'state'], rows)}`
}
