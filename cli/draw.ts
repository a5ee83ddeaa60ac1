import { defineCommand } from 'citty'
import { homeDirectory, openHome } from '../orbit/node/home.ts'
import { assign, deadlineRound, seedRound } from '../orbit/rules/assignment.ts'
import { type DealtDraw, isUnitCertified, type State } from '../orbit/rules/state.ts'
import { equalBytes } from '../orbit/rules/statement.ts'
import { accountsOn, witnessesNeeded, witnessesOf } from '../orbit/rules/witness.ts'
import { shared, UserError, wholeNumber } from './command.ts'
import { printJson, table } from './print.ts'
import { readSource } from './source.ts'

const epoch = { type: 'positional', description: 'epoch of the draw (default: the newest)', required: false } as const

export const draw = defineCommand({
  meta: { name: 'draw', description: 'who was dealt which units in an epoch' },
  args: { epoch, ...shared },
  async run({ args }) {
    const { state } = await readSource(openHome(homeDirectory(args.data)))
    const dealt = pick(state, args.epoch)
    if (args.json) printJson(drawOf(state, dealt))
    else console.log(drawText(state, dealt))
  },
})

export const verifyDraw = defineCommand({
  meta: { name: 'draw', description: 'recompute the deal of an epoch, offline, from what is stored' },
  args: { epoch, ...shared },
  async run({ args }) {
    const { state } = await readSource(openHome(homeDirectory(args.data)))
    const dealt = pick(state, args.epoch)
    // Once more from the two things that matter, the sealed draw and the beacon's signature, and from nothing cached.
    const again = assign(state.genesis, dealt.draw.body, dealt.signature.slice())
    const same =
      equalBytes(new TextEncoder().encode(text(again)), new TextEncoder().encode(text(dealt.assignments))) &&
      again.length > 0
    if (!same)
      throw new UserError(
        `the deal of epoch ${dealt.draw.body.epoch} does not follow from its draw and its beacon round`,
      )
    if (args.json) return printJson({ valid: true, ...drawOf(state, dealt) })
    console.log(`VALID: the deal of epoch ${dealt.draw.body.epoch} follows from the draw that coordinator ${dealt.draw.signer.slice(0, 12)}
sealed and from beacon round ${seedRound(state.genesis, dealt.draw.body.epoch)}, whose signature holds.

${drawText(state, dealt)}`)
  },
})

const text = (assignments: DealtDraw['assignments']): string =>
  assignments.map(({ window, unit, quorum }) => `${window}/${unit}: ${quorum.join(' ')}`).join('\n')

function pick(state: State, given: string | undefined): DealtDraw {
  const newest = Math.max(...state.draws.keys())
  if (state.draws.size === 0)
    throw new UserError('no draw has been dealt yet: `collatz work` on the coordinator makes one')
  const wanted = given === undefined ? newest : wholeNumber('the epoch', given, 0, Number.MAX_SAFE_INTEGER)
  const dealt = state.draws.get(wanted)
  if (dealt) return dealt
  const waiting = state.sealed.has(wanted)
    ? `is sealed, and waits for beacon round ${seedRound(state.genesis, wanted)}`
    : 'has no draw'
  throw new UserError(`epoch ${wanted} ${waiting}: the newest that is dealt is ${newest}`)
}

/** How many accounts of the roster say that they had the draw before its beacon round, and how many have to. */
const witnesses = (state: State, { draw: { body }, cid }: DealtDraw) => ({
  accounts: witnessesOf(body, state.witnesses.get(cid)).length,
  needed: witnessesNeeded(body),
  of: accountsOn(body),
})

function drawOf(state: State, dealt: DealtDraw) {
  const { draw, signature, assignments } = dealt
  const { body, signer } = draw
  return {
    epoch: body.epoch,
    coordinator: signer,
    cid: dealt.cid,
    pool: body.pool,
    excluded: body.excluded,
    trusted: body.trusted,
    witnesses: witnesses(state, dealt),
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
  const name = (node: string) => state.nodes.get(node)?.name ?? node.slice(0, 12)
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
