/**
 * `collatz verify draw`: recomputes the draw and the deal of an epoch from what is stored, offline.
 *
 * Gathers all that this disk has about the draw; the rules judge it (draw/review.ts).
 */
import * as dagCbor from '@ipld/dag-cbor'
import { defineCommand } from 'citty'
import { arrivalsFrom } from '../../orbit/node/epoch/registration-log.ts'
import { readCertificateFile } from '../../orbit/node/home/certificate-files.ts'
import { type Home, homeDirectory, openHome } from '../../orbit/node/home/home.ts'
import type { DrawFiles } from '../../orbit/node/offline/draw-files.ts'
import { cidOf } from '../../orbit/rules/base/cid.ts'
import { open, RuleError, type Statement } from '../../orbit/rules/base/statement.ts'
import { readDealtDraws } from '../../orbit/rules/certificate/read.ts'
import { dealtDraw } from '../../orbit/rules/deal/canonical-draws.ts'
import { turnOf } from '../../orbit/rules/deal/coordinators.ts'
import { isWitnessed } from '../../orbit/rules/deal/witness.ts'
import { type DrawReview, reviewDraw } from '../../orbit/rules/draw/review.ts'
import type { ReviewedDocuments } from '../../orbit/rules/draw/review-inputs.ts'
import { type DrawBody, drawBody } from '../../orbit/rules/message/bodies.ts'
import { beaconDocument, statementDocument } from '../../orbit/rules/message/documents.ts'
import { seedRound } from '../../orbit/rules/network/schedule.ts'
import type { State } from '../../orbit/rules/state/state.ts'
import { drawOf, epochArg, settledDraw } from '../network/draw.ts'
import { type Papers, presentRound, readDraw, readPapers } from '../network/state-source.ts'
import { shared, wholeNumber } from '../shell/command.ts'
import { EXIT, UserError } from '../shell/errors.ts'
import { printJson } from '../shell/print.ts'

export const verifyDraw = defineCommand({
  meta: { name: 'draw', description: 'recompute the draw and the deal of an epoch, offline, from what is stored' },
  args: { epoch: epochArg, ...shared },
  async run({ args }) {
    const home = openHome(homeDirectory(args.data))
    const json = Boolean(args.json)
    const epoch =
      args.epoch === undefined
        ? await newestEpoch(home)
        : wholeNumber('the epoch', args.epoch, 0, Number.MAX_SAFE_INTEGER)
    try {
      const { found, lines } = await verified(home, epoch)
      printFindings(found, lines, json)
    } catch (error) {
      if (!(error instanceof RuleError)) throw error
      printFindings({ valid: false, epoch, fault: `the files here were changed: ${error.message}` }, [], json)
    }
  },
})

interface Found {
  readonly valid: boolean | null
  readonly epoch: number
  readonly fault: string | null
  readonly [more: string]: unknown
}

/** @throws {RuleError} when something that lies here is not what it was when it was taken in */
async function verified(home: Home, epoch: number): Promise<{ found: Found; lines: readonly string[] }> {
  const files = await readDraw(home, epoch)
  // Before anything is made of the documents: of what was changed, no state follows.
  const [damage] = files.damage
  if (damage !== undefined) throw new RuleError(damage)

  const papers = await readPapers(home)
  const documents = {
    ...papers.documents,
    accounts: files.accounts,
    draws: united(papers.documents.draws, files.draws),
  }
  const state = papers.stateOf(documents, papers.history)
  const { draw, signature, others } = pickDraw(home, state, documents, epoch)
  const cid = cidOf(draw.bytes).toString()
  const dropped = droppedEpochs(papers, files, epoch)
  const review = reviewDraw(
    {
      ...{ genesis: home.genesis, draw, signature, documents, history: papers.history, memory: papers.memory },
      stateOf: (chosen, history) => papers.stateOf(chosen, history),
      cited: files.cited.find((cited) => cited.draw === cid)?.heartbeats ?? null,
      dropped,
      certificate: dropped.has(epoch) ? certificateOf(home, draw, cid) : null,
      round: presentRound(home, papers.live),
      arrivals: arrivalsFrom(files.arrivals),
      verdict: files.verdicts.find((verdict) => verdict.draw === cid)?.fault,
    },
    state,
  )
  const { valid, fault, findings, assignments, digest, witnesses } = review
  const shown = drawOf(state, dealtDraw(draw, signature, assignments), witnesses)
  return {
    found: { valid, fault, checks: findings, ...shown, digest, others },
    lines: textOf(epoch, cid, others, review),
  }
}

/** Prints what was found. @throws {UserError} unless all of it holds */
function printFindings(found: Found, lines: readonly string[], json: boolean): void {
  if (json) printJson(found)
  else if (lines.length > 0) console.log(lines.join('\n'))
  if (found.valid) return
  const what = `the draw of epoch ${found.epoch}`
  throw found.valid === false
    ? new UserError(`INVALID: ${what}: ${found.fault}`, EXIT.refused)
    : new UserError(`NOT SHOWN: nothing is wrong with ${what}, but nothing here shows that it stands`, EXIT.refused)
}

function textOf(epoch: number, cid: string, others: readonly string[], { valid, findings }: DrawReview): string[] {
  const marks = { holds: 'ok', fails: 'FAILS', unknown: '?' }
  const lines = findings.map(({ check, result, says }) => `${check.padEnd(11)}${marks[result].padEnd(6)} ${says}`)
  if (valid) lines.unshift(`VALID: the deal of epoch ${epoch} follows from draw ${cid}, which stands.`, '')
  for (const other of others) lines.push(`other             also sealed for this epoch, and passed over: ${other}`)
  if (valid) lines.push('', `\`collatz draw ${epoch}\` lists who was dealt what.`)
  return lines
}

/** The newest that most of its roster witness, else the newest. */
async function newestEpoch(home: Home): Promise<number> {
  const { stateOf, documents, history } = await readPapers(home)
  const { draws, witnesses } = stateOf(documents, history)
  const newestFirst = [...draws].sort(([a], [b]) => b - a)
  const stands = newestFirst.find(([, { draw, cid }]) => isWitnessed(draw.body, witnesses.get(cid)))
  const [epoch] = stands ?? newestFirst[0] ?? []
  if (epoch === undefined) throw new UserError('no draw is under way: name an epoch (`collatz verify draw 7`)')
  return epoch
}

/** What was dropped lies in the logs. */
function united(documents: readonly unknown[], logged: readonly unknown[]): unknown[] {
  const all = new Map<string, unknown>()
  for (const document of [...documents, ...logged]) {
    const cid = cidOf(dagCbor.encode(document)).toString()
    if (!all.has(cid)) all.set(cid, document)
  }
  return [...all.values()]
}

const drawsIn = (documents: readonly unknown[]): Statement<DrawBody>[] =>
  documents.flatMap((document) => {
    const { success, data } = statementDocument.safeParse(document)
    return success ? [open(data.statement, drawBody, 'the draw')] : []
  })

/**
 * The draw of an epoch: the one that stands, else the one whose turn came first. `others` are CIDs.
 * @throws {UserError}
 */
function pickDraw(home: Home, state: State, { draws: documents }: ReviewedDocuments, epoch: number) {
  const { genesis } = home
  const { coordinators } = genesis.body
  const all = drawsIn(documents).filter(({ body }) => body.epoch === epoch)
  const chosen = state.draws.get(epoch)?.draw ?? state.sealed.get(epoch)
  const draw = chosen ?? all.sort((a, b) => turnOf(coordinators, a) - turnOf(coordinators, b))[0]
  const round = seedRound(genesis, epoch)
  if (!draw) {
    const settled = settledDraw(home, state, epoch)
    if (settled) return { draw: settled.draw, signature: settled.signature, others: [] }
    const newest = Math.max(0, ...state.draws.keys())
    const known = newest === 0 ? 'none is under way' : `the newest that is dealt is ${newest}`
    throw new UserError(`epoch ${epoch} has no draw here: ${known}`)
  }
  const signatures = documents.flatMap((document) => {
    const { success, data } = beaconDocument.safeParse(document)
    return success && data.round === round ? [data.signature] : []
  })
  const [signature] = signatures
  if (!signature) throw new UserError(`the draw of epoch ${epoch} is sealed, and waits for beacon round ${round}`)
  const others = all.filter((other) => other !== draw).map(({ bytes }) => cidOf(bytes).toString())
  return { draw, signature, others: others.filter((cid) => cid !== cidOf(draw.bytes).toString()) }
}

/**
 * Epochs of whose draws there are no documents, but what is in the log or, of that which is looked
 * at, in certificates.
 */
function droppedEpochs({ documents }: Papers, files: DrawFiles, epoch: number): Set<number> {
  const here = new Set(drawsIn(documents.draws).map(({ body }) => body.epoch))
  const inLog = drawsIn(files.draws).map(({ body }) => body.epoch)
  return new Set([epoch, ...inLog].filter((logged) => !here.has(logged)))
}

/**
 * A window that the draw offered, and whose certificate rests on it.
 * @throws {RuleError} when a certificate does not hold
 */
function certificateOf({ directory }: Home, { body }: Statement<DrawBody>, cid: string): bigint | null {
  for (const window of new Set(body.offers.map((offer) => BigInt(offer.window)))) {
    const bytes = readCertificateFile(directory, window)
    try {
      if (bytes && readDealtDraws(bytes).some((dealt) => dealt.cid === cid)) return window
    } catch (error) {
      if (!(error instanceof RuleError)) throw error
      throw new RuleError(`the certificate of window ${window}: ${error.message}`)
    }
  }
  return null
}
