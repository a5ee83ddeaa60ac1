/**
 * Computes the units that the deals ask of a node, one after the other, on all cores: takes one,
 * computes it with a checkpoint every two seconds, submits it. The node behind it is whatever
 * implements WorkHost.
 */
import * as dagCbor from '@ipld/dag-cbor'
import type { Engine, UnitResult } from '../../../kernels/unit.ts'
import { type Assignment, dealtUnitKey } from '../../rules/message/unit.ts'
import { lastRound } from '../../rules/network/schedule.ts'
import { sleep } from '../async/sleep.ts'
import { PRIVATE } from '../storage/private.ts'
import { UnitCheckpoint } from './checkpoint.ts'
import type { WorkHost } from './work-host.ts'

const CHECKPOINT_MS = 2_000
const LINGER_MS = 3_000

export interface WorkOptions {
  /** Stop after so many units; otherwise when the signal fires. */
  readonly units?: number
  readonly signal: AbortSignal
}

/**
 * Works until so many units are done and shown, or until the signal fires: what is not shown by
 * then is shown after the next start.
 *
 * @returns the number of units done
 */
export async function work(host: WorkHost, engine: Engine, options: WorkOptions): Promise<number> {
  let done = 0
  let isTidy = false
  while (!options.signal.aborted && (options.units === undefined || done < options.units)) {
    const [next] = host.round() === null ? [] : host.owed()
    if (!next) {
      await changeOrRound(host, options.signal)
      continue
    }
    if (!isTidy) await forgetOver(host)
    isTidy = true
    try {
      await compute(host, engine, next, options.signal)
    } catch (error) {
      if (options.signal.aborted) break
      throw error
    }
    done++
    if (options.units !== undefined) host.limitCapacity(options.units - done)
  }
  const isShown = await showPending(host, options.signal)
  // Peers take the leaves behind what was shown last while this node is still there.
  if (isShown && !options.signal.aborted && host.hasPeers()) await sleep(LINGER_MS, options.signal).catch(() => {})
  return done
}

/**
 * Waits until all results are shown, or the signal fires.
 *
 * @returns whether there was one to show
 */
async function showPending(host: WorkHost, signal: AbortSignal): Promise<boolean> {
  let waits = false
  while (!signal.aborted && host.pending() > 0) {
    if (!waits && host.genesis.body.replication > 1) {
      const text = 'Done: waiting for the beacon round in which it is shown (Ctrl-C: it is shown at the next start).'
      host.events.emit('notice', { text })
    }
    waits = true
    await changeOrRound(host, signal)
  }
  return waits
}

/** Resolves when a document or a round comes, or the signal fires. */
function changeOrRound({ events }: WorkHost, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const finish = () => {
      offChange()
      offRound()
      signal.removeEventListener('abort', finish)
      resolve()
    }
    const offChange = events.on('change', finish)
    const offRound = events.on('round', finish)
    signal.addEventListener('abort', finish)
  })
}

async function compute(host: WorkHost, engine: Engine, assignment: Assignment, signal: AbortSignal): Promise<void> {
  const { window, unit } = assignment
  const notice = (text: string) => host.events.emit('notice', { text })
  const checkpoint = await UnitCheckpoint.open(host.kv, PRIVATE.checkpoint + dealtUnitKey(assignment))
  if (checkpoint.wasDamaged) {
    notice(
      `The checkpoint of unit ${unit} of window ${window} was damaged, or is of another version of collatz: it is not used, and the unit begins anew.`,
    )
  }
  const { resumed } = checkpoint
  host.events.emit('started', { assignment, resumed })
  const started = performance.now()
  const result = await verify(host, engine, assignment, checkpoint, signal)
  if (result.candidates.length > 0) await giveBack(host, assignment, result.candidates)
  else await host.submit(assignment, result)
  await checkpoint.delete()
  if (result.candidates.length > 0) return
  const share = 1 - resumed / result.leaves.length
  const { count } = result
  host.events.emit('finished', { assignment, count, share, milliseconds: performance.now() - started })
  // The certificate of a window that this unit completes is written before the next unit is begun.
  await host.idle()
}

/** Computes a unit, saving its checkpoint now and then, and once more when it is broken off. */
async function verify(
  host: WorkHost,
  engine: Engine,
  assignment: Assignment,
  checkpoint: UnitCheckpoint,
  signal: AbortSignal,
): Promise<UnitResult> {
  let isUnsaved = false
  const save = () =>
    checkpoint.save().catch((error: Error) => {
      if (!isUnsaved) {
        const text = `cannot keep a checkpoint, so a stop loses work: ${error.message}`
        host.events.emit('notice', { text })
      }
      isUnsaved = true
    })
  const timer = setInterval(() => void save(), CHECKPOINT_MS)
  try {
    return await engine.verify(
      { partition: host.genesis.partition, window: assignment.window, index: assignment.unit },
      {
        signal,
        evidence: host.request(assignment),
        done: new Map(checkpoint.leaves),
        onLeaf: (index, leaf) => checkpoint.leaves.set(index, leaf),
        onProgress: ({ fraction }) => host.events.emit('progress', { assignment, fraction }),
      },
    )
  } catch (error) {
    await save()
    throw error
  } finally {
    clearInterval(timer)
  }
}

/**
 * A result has no place for a candidate, and what is certified must converge: so nobody certifies
 * its unit.
 */
async function giveBack(host: WorkHost, assignment: Assignment, candidates: readonly bigint[]): Promise<void> {
  const { epoch, window, unit } = assignment
  for (const n of candidates) {
    const text = `CANDIDATE: n = ${n} was not brought below itself. Its unit is given back uncertified; see \`collatz verify ${n}\``
    host.events.emit('notice', { text })
    await host.kv.put(`${PRIVATE.candidate}${n}`, dagCbor.encode([epoch, window.toString(), unit]))
  }
  await host.decline([assignment])
}

/** Deletes checkpoints of deals that are over: one is good for its deal alone, as evidence is. */
async function forgetOver(host: WorkHost): Promise<void> {
  const { kv, genesis } = host
  for (const [key] of await kv.entries(PRIVATE.checkpoint)) {
    const epoch = Number(key.slice(PRIVATE.checkpoint.length).split('/')[0])
    if (lastRound(genesis, epoch) < host.round()!) await kv.delete(key)
  }
}
