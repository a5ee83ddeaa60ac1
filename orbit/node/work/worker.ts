/**
 * Does the units that the deals ask of this node, one after the other, on all cores: takes, computes with a checkpoint
 * every two seconds, signs, stores.
 */
import * as dagCbor from '@ipld/dag-cbor'
import { encodeLeaf } from '../../../kernels/result.ts'
import type { Engine, HardSummary } from '../../../kernels/unit.ts'
import type { Assignment } from '../../rules/deal/assignment.ts'
import { checksumHex, peakText } from '../../rules/message/bodies.ts'
import { sleep } from '../async/sleep.ts'
import type { Service } from '../service.ts'
import { sealLeaves, unsealLeaves } from './checkpoint.ts'

const CHECKPOINT_MS = 2_000
const LINGER_MS = 3_000

export interface WorkOptions {
  /** Stop after so many units; otherwise when the signal says so. */
  readonly units?: number
  readonly signal: AbortSignal
}

/**
 * Works until so many units are done and shown, or until the signal fires: what is not shown by then is at the next start.
 *
 * @returns the number of units done
 */
export async function work(service: Service, engine: Engine, options: WorkOptions): Promise<number> {
  let done = 0
  while (!options.signal.aborted && (options.units === undefined || done < options.units)) {
    const [next] = service.round() === null ? [] : service.owed()
    if (!next) {
      await anything(service, options.signal)
      continue
    }
    try {
      await compute(service, engine, next, options.signal)
    } catch (error) {
      if (options.signal.aborted) break
      throw error
    }
    done++
    if (options.units !== undefined) service.limitCapacity(options.units - done)
  }
  let shown = false
  while (!options.signal.aborted && service.pending() > 0) {
    if (!shown && service.genesis.body.replication > 1) {
      const text =
        'Done, and bound to it: waiting to show it when the others are (Ctrl-C: it is shown at the next start).'
      service.events.emit('notice', { text })
    }
    shown = true
    await anything(service, options.signal)
  }
  // Peers take the leaves behind what was shown last while this node is still there.
  if (shown && !options.signal.aborted && service.node.peers().length > 0)
    await sleep(LINGER_MS, options.signal).catch(() => {})
  return done
}

/** Until a document or a round comes, or the signal fires. */
function anything(service: Service, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const finish = () => {
      offChange()
      offRound()
      signal.removeEventListener('abort', finish)
      resolve()
    }
    const offChange = service.events.on('change', finish)
    const offRound = service.events.on('round', finish)
    signal.addEventListener('abort', finish)
  })
}

async function compute(service: Service, engine: Engine, assignment: Assignment, signal: AbortSignal): Promise<void> {
  const { window, unit, epoch } = assignment
  const checkpoint = `checkpoint/${window}/${unit}`
  const leaves = await readCheckpoint(service, checkpoint, `unit ${unit} of window ${window}`)
  const resumed = leaves.size
  service.events.emit('started', { assignment, resumed })
  let saved = resumed
  const save = async () => {
    const { size } = leaves
    if (size === saved) return
    await service.node.kv.put(checkpoint, sealLeaves(checkpoint, leaves))
    saved = size
  }
  const known = new Map(leaves)
  const started = performance.now()
  let unsaved = false
  const failed = (error: Error) => {
    if (!unsaved)
      service.events.emit('notice', { text: `cannot keep a checkpoint, so a stop loses work: ${error.message}` })
    unsaved = true
  }
  const timer = setInterval(() => void save().catch(failed), CHECKPOINT_MS)
  let result: Awaited<ReturnType<Engine['verify']>>
  try {
    result = await engine.verify(
      { partition: service.genesis.partition, window, index: unit },
      {
        signal,
        done: known,
        onLeaf: (index, leaf) => leaves.set(index, leaf),
        onProgress: ({ fraction }) => service.events.emit('progress', { assignment, fraction }),
      },
    )
  } catch (error) {
    await save().catch(failed)
    throw error
  } finally {
    clearInterval(timer)
  }
  if (result.candidates.length > 0) {
    // A result has no place for it, and what is certified must converge: so the unit is not, by anybody.
    for (const n of result.candidates) {
      const text = `CANDIDATE: n = ${n} was not brought below itself. Its unit is given back uncertified; see \`collatz verify ${n}\``
      service.events.emit('notice', { text })
      await service.node.kv.put(`candidate/${n}`, dagCbor.encode([epoch, window.toString(), unit]))
    }
    await service.decline([assignment])
    await service.node.kv.delete(checkpoint)
    return
  }
  await service.submit(
    {
      epoch,
      window: window.toString(),
      unit,
      count: result.count,
      checksum: checksumHex(result.checksum),
      peak: peakText(result.peak),
      root: result.root,
    },
    new Uint8Array(Buffer.concat(result.leaves.map(encodeLeaf))),
  )
  await service.node.kv.delete(checkpoint)
  const { count } = result
  const share = 1 - resumed / result.leaves.length
  service.events.emit('finished', { assignment, count, share, milliseconds: performance.now() - started })
  // The certificate of a window that this unit completes is written before the next unit is begun.
  await service.idle()
}

/** The leaves that are known. A checkpoint that is not as this program left it is dropped: its owner would sign for it. */
async function readCheckpoint(service: Service, key: string, of: string): Promise<Map<number, HardSummary>> {
  const { kv } = service.node
  const bytes = await kv.get(key)
  if (!bytes) return new Map()
  const leaves = unsealLeaves(key, bytes)
  if (leaves) return leaves
  await kv.delete(key)
  const text = `The checkpoint of ${of} was damaged, or is of another version of collatz: it is not used, and the unit begins anew.`
  service.events.emit('notice', { text })
  return new Map()
}
