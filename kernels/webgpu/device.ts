/**
 * Opening a GPU so that nothing goes wrong in silence. Software adapters are refused unless asked
 * for. Validation errors are stored and thrown at the next batch, because WebGPU itself reports
 * them to a listener and carries on. A lost device is an error of its own.
 */
import { DeviceLost, firstLine, GpuFault, NoGpu } from './errors.ts'

/** What is known of the adapter. */
export interface AdapterDescription {
  readonly vendor: string
  readonly architecture: string
  readonly device: string
  /** The name of the chip or of the driver, as the platform gives it; empty in most browsers. */
  readonly description: string
  /** A software implementation: slower than the CPU engine. */
  readonly software: boolean
  readonly timestamps: boolean
}

export interface Device {
  readonly gpu: GPUDevice
  readonly adapter: AdapterDescription
  /**
   * As `work`, but rejects with DeviceLost as soon as the device is lost, or when it was before.
   */
  orLost<T>(work: Promise<T>): Promise<T>
  /**
   * The cause of a call that failed: DeviceLost when the device says so within a second, else the
   * error given.
   */
  lostOr(error: Error): Promise<Error>
  /** @throws {GpuFault} @throws {DeviceLost} what went wrong since it was opened */
  check(): void
  close(): void
}

export interface DeviceOptions {
  /** Take a software adapter too: for tests. */
  readonly allowSoftware?: boolean
}

const USED_LIMITS = [
  'maxBufferSize',
  'maxStorageBufferBindingSize',
  'maxComputeWorkgroupStorageSize',
  'maxComputeInvocationsPerWorkgroup',
  'maxComputeWorkgroupSizeX',
] as const

/**
 * @throws {NoGpu} when there is no adapter, when it is a software one that was not asked for, or
 *   when it gives no device.
 */
export async function openDevice(gpu: GPU, options: DeviceOptions = {}): Promise<Device> {
  const adapter = await gpu.requestAdapter({ powerPreference: 'high-performance' }).catch(() => null)
  if (!adapter) throw new NoGpu('No GPU: no driver offers one to WebGPU')
  const { info } = adapter
  const timestamps = adapter.features.has('timestamp-query')
  const described = {
    vendor: info.vendor,
    architecture: info.architecture,
    device: info.device,
    description: info.description,
    software: info.isFallbackAdapter,
    timestamps,
  }
  if (described.vendor === '' && described.architecture === '' && described.description === '') {
    throw new NoGpu('No GPU: the only adapter is a null device, which computes nothing')
  }
  if (described.software && !options.allowSoftware) {
    throw new NoGpu(
      `No GPU: ${described.description || 'the only adapter'} is a software one, slower than the CPU engine`,
    )
  }
  const requiredLimits = Object.fromEntries(USED_LIMITS.map((name) => [name, adapter.limits[name]]))
  const device = await adapter
    .requestDevice({ requiredFeatures: timestamps ? ['timestamp-query'] : [], requiredLimits })
    .catch((error: Error) => {
      throw new NoGpu(`The GPU ${described.description} gives no device: ${firstLine(error.message)}`)
    })
  return watch(device, described)
}

/** How long after a failed call a lost device may take to say so. */
const LOST_MS = 1000

function watch(gpu: GPUDevice, adapter: AdapterDescription): Device {
  let failure: Error | undefined
  gpu.addEventListener('uncapturederror', (event) => {
    failure ??= new GpuFault(`The GPU refused a command: ${firstLine(event.error.message)}`)
  })
  // A set, because a promise that every wait is raced against would hold on to something of each
  // wait.
  const waiting = new Set<(reason: Error) => void>()
  let lost = false
  gpu.lost.then((info) => {
    const why = firstLine(info.message) || info.reason
    failure ??= new DeviceLost(`The GPU ${adapter.description} was lost${why ? ` (${why})` : ''}`)
    lost = true
    for (const reject of waiting) reject(failure)
  })
  const orLost = <T>(work: Promise<T>): Promise<T> => {
    if (lost) {
      // What is asked of a lost device fails as well; without this the rejection would be
      // unhandled.
      work.catch(() => {})
      return Promise.reject(failure)
    }
    return new Promise((resolve, reject) => {
      waiting.add(reject)
      work.then(resolve, reject).finally(() => waiting.delete(reject))
    })
  }
  return {
    gpu,
    adapter,
    orLost,
    // A device that goes away may fail what is under way before it says that it is lost.
    lostOr: (error) =>
      orLost(new Promise((resolve) => setTimeout(resolve, LOST_MS))).then(
        () => failure ?? error,
        (reason: Error) => reason,
      ),
    check() {
      if (failure) throw failure
    },
    close() {
      failure ??= new Error('The webgpu engine is closed')
      gpu.destroy()
    },
  }
}

/**
 * A compute pipeline whose compilation was checked.
 *
 * @throws {GpuFault} when the shader does not compile here.
 */
export async function compile(
  device: Device,
  code: string,
  entryPoint: string,
  layout: GPUPipelineLayout,
): Promise<GPUComputePipeline> {
  // What is wrong with the shader is asked for below. The device is still good for a shader of
  // other settings.
  device.gpu.pushErrorScope('validation')
  const module = device.gpu.createShaderModule({ code, label: entryPoint })
  await device.gpu.popErrorScope()
  const { messages } = await module.getCompilationInfo()
  const error = messages.find(({ type }) => type === 'error')
  if (error) {
    throw new GpuFault(
      `The shader ${entryPoint} does not compile here: line ${error.lineNum}: ${firstLine(error.message)}`,
    )
  }
  try {
    return await device.gpu.createComputePipelineAsync({ layout, compute: { module, entryPoint } })
  } catch (reason) {
    throw new GpuFault(`The shader ${entryPoint} makes no pipeline here: ${firstLine((reason as Error).message)}`)
  }
}
