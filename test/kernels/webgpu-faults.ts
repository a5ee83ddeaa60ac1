/**
 * Faults planted into a GPU from outside: its objects' calls are replaced, so that the engine under
 * test is the real one. Each is a mistake that a driver, a shader or a table could make without any
 * error being reported.
 */
import { SEED_ROOM, SEED_WORDS } from '../../kernels/webgpu/batch.ts'
import { SCALE } from '../../kernels/webgpu/dip.ts'
import { ROWS } from '../../kernels/webgpu/tables.ts'

type Source = (code: string) => string
type Data = (words: Uint32Array<ArrayBuffer>, buffer: GPUBuffer) => Uint32Array<ArrayBuffer> | null

export interface Hooks {
  /** Rewrites shaders. */
  readonly source?: Source
  /** Rewrites what is written to buffers, or drops it (null). */
  readonly data?: Data
  /** Rewrites the rows of a grid. */
  readonly rows?: (rows: number) => number
  /** Rewrites the workgroups of the second kernel. */
  readonly deep?: (workgroups: number) => number
  /** Rewrites the sizes of buffers: what the device has no room for is refused by itself. */
  readonly size?: (bytes: number) => number
  /** Rewrites what the adapter is asked for. */
  readonly request?: (descriptor: GPUDeviceDescriptor) => GPUDeviceDescriptor
  /** Milliseconds after which the device says that it is lost. */
  readonly lostAfter?: number
}

/**
 * One device for many engines, with their calls going through the hooks of each. Pipelines are kept
 * by their source, because software Vulkan takes seconds to compile one.
 */
export class HookedGpu {
  readonly #device: Promise<{ adapter: GPUAdapter; device: GPUDevice; destroy: () => void }>
  readonly #codes = new WeakMap<GPUShaderModule, string>()
  readonly #pipelines = new Map<string, Promise<GPUComputePipeline>>()
  #hooks: Hooks = {}

  constructor(gpu: GPU) {
    this.#device = this.#open(gpu)
  }

  /** A GPU whose only device this is. */
  with(hooks: Hooks): GPU {
    this.#hooks = hooks
    const requestAdapter = async () => {
      const { adapter, device } = await this.#device
      const { features, info, limits } = adapter
      const requestDevice = async (descriptor: GPUDeviceDescriptor) =>
        this.#hooks.request ? adapter.requestDevice(this.#hooks.request(descriptor)) : device
      return { features, info, limits, requestDevice }
    }
    return { requestAdapter } as unknown as GPU
  }

  get device(): Promise<GPUDevice> {
    return this.#device.then(({ device }) => device)
  }

  /** What device.destroy() would do, which engines call when they are closed. */
  async destroy(): Promise<void> {
    ;(await this.#device).destroy()
  }

  async #open(gpu: GPU) {
    const adapter = await gpu.requestAdapter()
    if (!adapter) throw new Error('no adapter')
    const { features, limits } = adapter
    const device = await adapter.requestDevice({
      requiredFeatures: features.has('timestamp-query') ? ['timestamp-query'] : [],
      requiredLimits: { maxComputeWorkgroupStorageSize: limits.maxComputeWorkgroupStorageSize },
    })
    const destroy = device.destroy.bind(device)
    device.destroy = () => {}
    const { lost } = device
    const lostLater = lost.then(async (info) => {
      if (this.#hooks.lostAfter) await Bun.sleep(this.#hooks.lostAfter)
      return info
    })
    Object.defineProperty(device, 'lost', { value: lostLater })
    const createBuffer = device.createBuffer.bind(device)
    device.createBuffer = (descriptor) =>
      createBuffer({ ...descriptor, size: this.#hooks.size?.(descriptor.size) ?? descriptor.size })
    const createShaderModule = device.createShaderModule.bind(device)
    device.createShaderModule = (descriptor) => {
      const code = this.#hooks.source?.(descriptor.code) ?? descriptor.code
      const module = createShaderModule({ ...descriptor, code })
      this.#codes.set(module, code)
      return module
    }
    const createPipeline = device.createComputePipelineAsync.bind(device)
    device.createComputePipelineAsync = (descriptor) => {
      const key = `${descriptor.compute.entryPoint} ${this.#codes.get(descriptor.compute.module)}`
      const known = this.#pipelines.get(key) ?? createPipeline(descriptor)
      this.#pipelines.set(key, known)
      return known
    }
    const { queue } = device
    const writeBuffer = queue.writeBuffer.bind(queue)
    queue.writeBuffer = (buffer, offset, data) => {
      const words = data as Uint32Array<ArrayBuffer>
      const written = this.#hooks.data ? this.#hooks.data(words.slice(), buffer) : words
      if (written) writeBuffer(buffer, offset, written)
    }
    Object.defineProperty(device, 'queue', { value: queue })
    const createCommandEncoder = device.createCommandEncoder.bind(device)
    device.createCommandEncoder = () => {
      const encoder = createCommandEncoder()
      const beginComputePass = encoder.beginComputePass.bind(encoder)
      encoder.beginComputePass = (descriptor) => {
        const pass = beginComputePass(descriptor)
        const dispatch = pass.dispatchWorkgroups.bind(pass)
        pass.dispatchWorkgroups = (x, y) =>
          y === undefined
            ? dispatch(this.#hooks.deep ? this.#hooks.deep(x) : x)
            : dispatch(x, this.#hooks.rows ? this.#hooks.rows(y) : y)
        return pass
      }
      return encoder
    }
    return { adapter, device, destroy }
  }
}

const replaced = (from: string, to: string): Source => {
  return (code) => (code.includes('fn filterKernel') && !code.includes(from) ? fail(from) : code.replaceAll(from, to))
}

function fail(from: string): never {
  throw new Error(`The shader no longer says "${from}": the planted fault has to follow it`)
}

/** Jump tables are the only writes of this length. */
const JUMP_WORDS = 1024 + 11
const LEVEL_WORDS = 4 * (ROWS + 9)

const inJumps = (change: (words: Uint32Array<ArrayBuffer>) => void): Data => {
  return (words) => {
    if (words.length === JUMP_WORDS) change(words)
    return words
  }
}

/**
 * The dip of ten steps from x if the step before had been odd: rule M then fires on evens that it
 * has not seen begin.
 */
function dipWithOddBefore(x: number): number {
  let value = x
  let odds = 0
  let evens = 0
  let dip = 0
  for (let j = 0; j < 10; j++) {
    if (value % 2 === 1) {
      value = (3 * value + 1) / 2
      odds++
      evens = 0
    } else {
      value /= 2
      evens++
      if (evens % 2 === 0) dip = Math.max(dip, j - (odds - 1) * Math.log2(3))
    }
  }
  return Math.floor(dip * SCALE)
}

/** Whether this is where seeds go. */
export const holdsSeeds = ({ size }: GPUBuffer): boolean => size === 4 * SEED_WORDS * SEED_ROOM

/** By name; each must be caught when the engine is opened. */
export const FAULTS: Readonly<Record<string, Hooks>> = {
  'a wrong table entry': {
    data: inJumps((words) => {
      words[0b1111]! |= 0xfff << 20
    }),
  },
  'a skipped row of seeds': { rows: (rows) => Math.max(1, rows - 1) },
  'a dip that is a bit too deep': {
    data: inJumps((words) => {
      for (let x = 0; x < 1024; x++) {
        const dip = Math.min(0xfff, (words[x]! >>> 20) + SCALE)
        words[x] = (words[x]! & 0xfffff) | (dip << 20)
      }
    }),
  },
  'a lost carry': { source: replaced('select(0u, 1u, sum < c)', '0u') },
  'a lost carry between limbs of a jump': { source: replaced('(a >> 16u) * m + (low >> 16u)', '(a >> 16u) * m') },
  'a wrong mod 9 mask': {
    data: (words) => {
      if (words.length === LEVEL_WORDS) words.copyWithin(4 * ROWS, 4 * (ROWS + 1))
      return words
    },
  },
  'an overflow that is not reported': {
    source: replaced(
      'atomicAdd(&counters[counter + CANDIDATES], candidates);',
      'atomicAdd(&counters[counter + CANDIDATES], candidates); atomicMin(&counters[counter + SURVIVORS], 64u);',
    ),
  },
  'evens miscounted at the edge of a window': {
    data: inJumps((words) => {
      for (let x = 0; x < 1024; x++) {
        const dip = Math.max(words[x]! >>> 20, dipWithOddBefore(x))
        words[x] = (words[x]! & 0xfffff) | (dip << 20)
      }
    }),
  },
}
