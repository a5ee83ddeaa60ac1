/**
 * Computes the units that the deals ask of a node, one after the other, on all cores: takes one,
 * computes it with a checkpoint every two seconds, submits it. The node behind it is whatever
 * implements WorkHost.
 */
import * as dagCbor from '@ipld/dag-cbor'
import { encodeLeaf } from '../../../kernels/result.ts'
import type { Engine, UnitResult } from '../../../kernels/unit.ts'
import { checksumHex, peakText } from '../../rules/message/bodies.ts'
import type { Assignment } from '../../rules/message/unit.ts'
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
  while (!options.signal.aborted && (options.units === undefined || done < options.units)) {
    const [next] = host.round() === null ? [] : host.owed()
    if (!next) {
      await changeOrRound(host, options.signal)
      continue
    }
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
      const text =
        'Done, and bound to it: waiting to show it when the others are (Ctrl-C: it is shown at the next start).'
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
  const checkpoint = await UnitCheckpoint.open(host.kv, `${PRIVATE.checkpoint}${window}/${unit}`)
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
  else await submit(host, assignment, result)
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

async function submit(host: WorkHost, { epoch, window, unit }: Assignment, result: UnitResult): Promise<void> {
  const { count, root } = result
  await host.submit(
    {
      ...{ epoch, window: window.toString(), unit, count, root },
      ...{ checksum: checksumHex(result.checksum), peak: peakText(result.peak) },
    },
    new Uint8Array(Buffer.concat(result.leaves.map(encodeLeaf))),
  )
}
