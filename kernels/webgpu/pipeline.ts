/**
 * The GPU's side of a batch: buffers, pipelines, submission and reading back.
 *
 * Two slots take turns, so that one batch is computed while the next is prepared. The slots share
 * the tables and the space for survivors, because the queue runs one submission after the other.
 */
import type { EvidenceTest } from '../evidence/request.ts'
import { minOdds } from '../rules.ts'
import { type Batch, GROUP_ROOM, GROUP_WORDS, SEED_ROOM, SEED_WORDS, tableStart } from './batch.ts'
import { compile, type Device } from './device.ts'
import { type Windows, windows } from './dip.ts'
import { firstLine, GpuFault } from './errors.ts'
import type { Settings } from './settings.ts'
import { deepSource, filterSource } from './shaders.ts'
import type { Slice } from './slices.ts'
import {
  FLAG_WORDS,
  flags,
  JUMP_WORDS,
  jumps,
  LAST_BITS,
  LOOK_ROWS,
  level,
  lookahead,
  type Patterns,
  patterns,
  ROWS,
  rowWords,
} from './tables.ts'

/** Slices of one submission. */
export const SLICE_ROOM = 64

// Values of GPUBufferUsage and GPUMapMode (WebGPU, sections 5.1 and 5.2): Bun has no such globals
// until Dawn is loaded.
const MAP_READ = 1
const COPY_SRC = 4
const COPY_DST = 8
const UNIFORM = 64
const STORAGE = 128
const QUERY_RESOLVE = 512
const COMPUTE = 4

const FRAME_STRIDE = 256
const COUNTER_WORDS = 4 * (SLICE_ROOM + 1)
const COUNTER_BYTES = 4 * COUNTER_WORDS
const TIME_BYTES = 16
const HEADER_BYTES = COUNTER_BYTES + TIME_BYTES
/** Workgroups of the second kernel, each going on with the next survivors until none is left. */
const DEEP_WORKGROUPS = 2048

/** The answer to a submission. */
export interface Outcome {
  /** Pairs (seed, offset). Incomplete when `overflow`. */
  readonly results: Uint32Array
  readonly classes: number
  readonly candidates: number
  readonly survivors: number
  /** Most survivors for a class in any slice: how much room a class needs. */
  readonly survivorsPerClass: number
  /** Something did not fit: run the slices again in parts. */
  readonly overflow: boolean
  /** Time on the GPU in milliseconds, where the adapter tells. */
  readonly gpuMs: number | null
}

interface Slot {
  readonly seeds: GPUBuffer
  readonly groups: GPUBuffer
  readonly frames: GPUBuffer
  readonly counters: GPUBuffer
  readonly results: GPUBuffer
  readonly readback: GPUBuffer
  readonly times: GPUBuffer | null
  readonly queries: GPUQuerySet | null
  readonly filterGroup: GPUBindGroup
  readonly deepGroup: GPUBindGroup
}

type Layouts = readonly [filter: GPUBindGroupLayout, deep: GPUBindGroupLayout]

interface Kernels {
  readonly filter: GPUComputePipeline
  readonly deep: GPUComputePipeline
}

async function compileKernels(
  device: Device,
  settings: Settings,
  layouts: Layouts,
  evidence: boolean,
): Promise<Kernels> {
  const [filterLayout, deepLayout] = layouts.map((l) => device.gpu.createPipelineLayout({ bindGroupLayouts: [l] }))
  const [filter, deep] = await Promise.all([
    compile(device, filterSource(settings, evidence), 'filterKernel', filterLayout!),
    compile(device, deepSource(settings, evidence), 'deepKernel', deepLayout!),
  ])
  return { filter, deep }
}

/** The buffers that both slots use. */
interface Tables {
  readonly patterns: GPUBuffer
  readonly look: GPUBuffer
  readonly level: GPUBuffer
  readonly jumps: GPUBuffer
  readonly survivors: GPUBuffer
}

function createSlot(
  device: Device,
  settings: Settings,
  layouts: Layouts,
  buffer: (size: number, usage: number) => GPUBuffer,
  tables: Tables,
): Slot {
  const seeds = buffer(4 * SEED_WORDS * SEED_ROOM, STORAGE | COPY_DST)
  const groups = buffer(4 * GROUP_WORDS * GROUP_ROOM, STORAGE | COPY_DST)
  const frames = buffer(FRAME_STRIDE * SLICE_ROOM, UNIFORM | COPY_DST)
  const counters = buffer(COUNTER_BYTES, STORAGE | COPY_SRC | COPY_DST)
  const results = buffer(8 * settings.resultRoom, STORAGE | COPY_SRC)
  const bind = (layout: GPUBindGroupLayout, buffers: [number, GPUBuffer][]) =>
    device.gpu.createBindGroup({
      layout,
      entries: [
        { binding: 0, resource: { buffer: frames, size: 48 } },
        ...buffers.map(([binding, resource]) => ({ binding, resource: { buffer: resource } })),
      ],
    })
  return {
    seeds,
    groups,
    frames,
    counters,
    results,
    readback: buffer(HEADER_BYTES + 8 * settings.resultRoom, MAP_READ | COPY_DST),
    times: device.adapter.timestamps ? buffer(TIME_BYTES, QUERY_RESOLVE | COPY_SRC) : null,
    queries: device.adapter.timestamps ? device.gpu.createQuerySet({ type: 'timestamp', count: 2 }) : null,
    filterGroup: bind(layouts[0], [
      [1, seeds],
      [2, groups],
      [3, tables.patterns],
      [4, tables.look],
      [5, tables.level],
      [6, tables.jumps],
      [7, counters],
      [8, tables.survivors],
    ]),
    deepGroup: bind(layouts[1], [
      [1, seeds],
      [2, groups],
      [6, tables.jumps],
      [7, counters],
      [8, tables.survivors],
      [9, results],
    ]),
  }
}

export class Pipeline {
  readonly slots: readonly Slot[]
  readonly #device: Device
  readonly #settings: Settings
  readonly #layouts: Layouts
  readonly #plain: Kernels
  /** The kernels that look for flags, once they were wanted. */
  #flagging: Kernels | undefined
  #kernels: Kernels
  /** Words of a frame: the mask of the flag, and how many tiers have one. */
  #flagWords: readonly [number, number] = [0, 0]
  readonly #jumps: GPUBuffer
  readonly #patterns: GPUBuffer
  readonly #look: GPUBuffer
  readonly #level: GPUBuffer
  readonly #buffers: GPUBuffer[] = []
  readonly #tables = new Map<number, Patterns>()
  readonly #uploaded = new Set<number>()
  #windows: Windows | undefined
  #depth = -1

  private constructor(device: Device, settings: Settings, layouts: Layouts, kernels: Kernels) {
    this.#device = device
    this.#settings = settings
    this.#layouts = layouts
    this.#plain = kernels
    this.#kernels = kernels
    const buffer = (size: number, usage: number) => {
      const created = device.gpu.createBuffer({ size, usage })
      this.#buffers.push(created)
      return created
    }
    this.#patterns = buffer(8 * 2 ** (settings.expandBits + 1), STORAGE | COPY_DST)
    this.#look = buffer(4 * LOOK_ROWS * rowWords(settings.lookBits), STORAGE | COPY_DST)
    this.#level = buffer(16 * (ROWS + 9), STORAGE | COPY_DST)
    const survivors = buffer(8 * settings.survivorRoom, STORAGE)
    const table = jumps()
    this.#jumps = buffer(table.byteLength + 4 * FLAG_WORDS, STORAGE | COPY_DST)
    device.gpu.queue.writeBuffer(this.#jumps, 0, table)
    const tables = { patterns: this.#patterns, look: this.#look, level: this.#level, jumps: this.#jumps, survivors }
    this.slots = [
      createSlot(device, settings, layouts, buffer, tables),
      createSlot(device, settings, layouts, buffer, tables),
    ]
  }

  /** @throws {GpuFault} when a shader does not compile or a buffer cannot be had */
  static async open(device: Device, settings: Settings): Promise<Pipeline> {
    const layout = (read: number[], write: number[]) =>
      device.gpu.createBindGroupLayout({
        entries: [
          { binding: 0, visibility: COMPUTE, buffer: { type: 'uniform', hasDynamicOffset: true, minBindingSize: 48 } },
          ...read.map((binding) => ({ binding, visibility: COMPUTE, buffer: { type: 'read-only-storage' } as const })),
          ...write.map((binding) => ({ binding, visibility: COMPUTE, buffer: { type: 'storage' } as const })),
        ],
      })
    const layouts = [layout([1, 2, 3, 4, 5, 6], [7, 8]), layout([1, 2, 6, 8], [7, 9])] as const
    const kernels = await compileKernels(device, settings, layouts, false)
    // A size beyond a limit of the adapter is a validation error. Both errors blame the settings,
    // not the device.
    device.gpu.pushErrorScope('validation')
    device.gpu.pushErrorScope('out-of-memory')
    const pipeline = new Pipeline(device, settings, layouts, kernels)
    const scopes = [device.gpu.popErrorScope(), device.gpu.popErrorScope()]
    const refused = (await Promise.all(scopes)).find((error) => error !== null)
    if (refused) {
      pipeline.close()
      throw new GpuFault(
        `The GPU has no memory for these sizes (\`collatz bench --tune\` looks for others): ${firstLine(refused.message)}`,
      )
    }
    device.check()
    return pipeline
  }

  /**
   * What the batches to come look for, once what was submitted has come back. Without evidence the
   * shaders are those that know of none; the others are compiled when they are first wanted.
   *
   * @throws {GpuFault} when a shader does not compile
   */
  async setEvidence(test: EvidenceTest | undefined): Promise<void> {
    const tiers = test ? test.tiers.filter(({ flagged, tau }) => flagged && tau > 0n).length : 0
    if (!test || tiers === 0) {
      this.#kernels = this.#plain
      return
    }
    this.#flagging ??= await compileKernels(this.#device, this.#settings, this.#layouts, true)
    this.#kernels = this.#flagging
    this.#flagWords = [2 ** test.flagBits - 1, tiers]
    this.#device.gpu.queue.writeBuffer(this.#jumps, 4 * JUMP_WORDS, flags(test.flagBits, test.flag))
  }

  /** The table of D-bit patterns, made once. */
  patterns = (bits: number): Patterns => {
    let table = this.#tables.get(bits)
    if (!table) {
      table = patterns(bits)
      this.#tables.set(bits, table)
    }
    return table
  }

  /** Puts the seeds of a batch into a slot. They stay there until the next load. */
  load(slot: Slot, batch: Batch): void {
    const { queue } = this.#device.gpu
    queue.writeBuffer(slot.seeds, 0, batch.seeds)
    queue.writeBuffer(slot.groups, 0, batch.groups)
    for (const bits of batch.tables) {
      if (this.#uploaded.has(bits)) continue
      queue.writeBuffer(this.#patterns, 8 * tableStart(bits), this.patterns(bits).words)
      this.#uploaded.add(bits)
    }
  }

  /** Submits slices (SLICE_ROOM at most) of the batch that the slot holds. */
  submit(slot: Slot, batch: Batch, slices: readonly Slice[]): void {
    const { gpu } = this.#device
    this.#setDepth(batch.bits - LAST_BITS)
    const frames = new Uint32Array((FRAME_STRIDE / 4) * slices.length)
    slices.forEach(({ from, first, end }, i) => {
      frames.set([from, i, this.#settings.survivorRoom, this.#settings.resultRoom], 64 * i)
      frames.set([batch.hardSteps, minOdds('3n+1', batch.bits - LAST_BITS)], 64 * i + 4)
      frames.set([2 ** this.#settings.lookBits - 1, rowWords(this.#settings.lookBits)], 64 * i + 6)
      frames.set([first, Math.min(end, 0xffffffff), ...this.#flagWords], 64 * i + 8)
    })
    gpu.queue.writeBuffer(slot.frames, 0, frames)
    const encoder = gpu.createCommandEncoder()
    encoder.clearBuffer(slot.counters)
    const pass = encoder.beginComputePass(
      slot.queries
        ? { timestampWrites: { querySet: slot.queries, beginningOfPassWriteIndex: 0, endOfPassWriteIndex: 1 } }
        : {},
    )
    const { patterns: step, threads } = this.#settings
    slices.forEach(({ from, to, classes, widest }, i) => {
      if (classes === 0) return
      pass.setPipeline(this.#kernels.filter)
      pass.setBindGroup(0, slot.filterGroup, [FRAME_STRIDE * i])
      pass.dispatchWorkgroups(Math.ceil(widest / step), to - from)
      pass.setPipeline(this.#kernels.deep)
      pass.setBindGroup(0, slot.deepGroup, [FRAME_STRIDE * i])
      pass.dispatchWorkgroups(Math.min(DEEP_WORKGROUPS, Math.ceil((2 * classes) / threads)))
    })
    pass.end()
    encoder.copyBufferToBuffer(slot.counters, 0, slot.readback, 0, COUNTER_BYTES)
    if (slot.queries && slot.times) {
      encoder.resolveQuerySet(slot.queries, 0, 2, slot.times, 0)
      encoder.copyBufferToBuffer(slot.times, 0, slot.readback, COUNTER_BYTES, TIME_BYTES)
    }
    encoder.copyBufferToBuffer(slot.results, 0, slot.readback, HEADER_BYTES, 8 * this.#settings.resultRoom)
    gpu.queue.submit([encoder.finish()])
  }

  /**
   * Waits for the slot's submission. Dawn spins while it waits, so sleep for the expected time
   * first.
   *
   * @throws {DeviceLost} @throws {GpuFault} when a command was refused or a part was not computed
   */
  async read(slot: Slot, slices: readonly Slice[]): Promise<Outcome> {
    const { readback } = slot
    await this.#device.orLost(readback.mapAsync(MAP_READ)).catch(async (error: Error) => {
      throw await this.#device.lostOr(
        new GpuFault(`The GPU's answer cannot be read: ${firstLine(error.message) || error.name}`),
      )
    })
    this.#device.check()
    const header = readback.getMappedRange(0, HEADER_BYTES)
    const counters = new Uint32Array(header.slice(0, COUNTER_BYTES))
    const times = new BigUint64Array(header.slice(COUNTER_BYTES))
    const { survivorRoom, resultRoom } = this.#settings
    const resultCount = counters[0]!
    const bytes = 8 * Math.min(resultCount, resultRoom)
    const results = new Uint32Array(readback.getMappedRange(HEADER_BYTES, bytes).slice(0))
    readback.unmap()
    let classes = 0
    let candidates = 0
    let survivors = 0
    let survivorsPerClass = 0
    let overflow = resultCount > resultRoom
    slices.forEach((slice, i) => {
      const [alive, tried, expanded] = counters.subarray(4 + 4 * i) as unknown as [number, number, number]
      if (expanded !== slice.classes) {
        throw new GpuFault(`The GPU expanded ${expanded} classes of ${slice.classes}: its driver drops work`)
      }
      classes += expanded
      candidates += tried
      survivors += alive
      if (expanded > 0) survivorsPerClass = Math.max(survivorsPerClass, alive / expanded)
      overflow ||= alive > survivorRoom
    })
    const gpuMs = slot.queries ? Number(times[1]! - times[0]!) / 1e6 : null
    return { results, classes, candidates, survivors, survivorsPerClass, overflow, gpuMs }
  }

  /** Gives the buffers back; the device stays. */
  close(): void {
    for (const buffer of this.#buffers) buffer.destroy()
    for (const { queries } of this.slots) queries?.destroy()
  }

  #setDepth(depth: number): void {
    if (depth === this.#depth) return
    this.#windows ??= windows(this.#settings.lookBits)
    const { queue } = this.#device.gpu
    queue.writeBuffer(this.#look, 0, lookahead(this.#windows, depth))
    queue.writeBuffer(this.#level, 0, level(depth))
    this.#depth = depth
  }
}
