/**
 * Opening a GPU so that nothing goes wrong in silence: software adapters are refused unless asked for, validation errors
 * are kept and thrown at the next batch (WebGPU itself reports them to a listener and carries on), and a lost device is
 * an error of its own.
 */
import { DeviceLost, GpuFault, NoGpu, said } from './errors.ts'

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
  /** Waits, but not for a device that is lost: rejects with DeviceLost as soon as it is, or was before. */
  orLost<T>(work: Promise<T>): Promise<T>
  /** What is behind a call that failed: that the device is lost, if it says so within a second; else the error given. */
  lostOr(error: Error): Promise<Error>
  /** Throws what went wrong since it was opened, if anything. */
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
 * @throws {NoGpu} when there is no adapter, when it is a software one that was not asked for, or when it gives no device.
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
      throw new NoGpu(`The GPU ${described.description} gives no device: ${said(error.message)}`)
    })
  return watch(device, described)
}

/** How long after a failed call a lost device may take to say so. */
const LOST_MS = 1000

function watch(gpu: GPUDevice, adapter: AdapterDescription): Device {
  let failure: Error | undefined
  gpu.addEventListener('uncapturederror', (event) => {
    failure ??= new GpuFault(`The GPU refused a command: ${said(event.error.message)}`)
  })
  // A set, not one promise that every wait is raced against: that would keep something of each for as long as it lives.
  const waiting = new Set<(reason: Error) => void>()
  let lost = false
  gpu.lost.then((info) => {
    const why = said(info.message) || info.reason
    failure ??= new DeviceLost(`The GPU ${adapter.description} was lost${why ? ` (${why})` : ''}`)
    lost = true
    for (const reject of waiting) reject(failure)
  })
  const orLost = <T>(work: Promise<T>): Promise<T> => {
    if (lost) {
      // What is asked of a device that is lost fails as well, and nobody else hears of it.
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
 * A compute pipeline whose compilation was looked at.
 *
 * @throws {GpuFault} when the shader does not compile here.
 */
export async function compile(
  device: Device,
  code: string,
  entryPoint: string,
  layout: GPUPipelineLayout,
): Promise<GPUComputePipeline> {
  // What is wrong with it is asked for below: the device is still good, for a shader of other settings.
  device.gpu.pushErrorScope('validation')
  const module = device.gpu.createShaderModule({ code, label: entryPoint })
  await device.gpu.popErrorScope()
  const { messages } = await module.getCompilationInfo()
  const error = messages.find(({ type }) => type === 'error')
  if (error) {
    throw new GpuFault(`The shader ${entryPoint} does not compile here: line ${error.lineNum}: ${said(error.message)}`)
  }
  try {
    return await device.gpu.createComputePipelineAsync({ layout, compute: { module, entryPoint } })
  } catch (reason) {
    throw new GpuFault(`The shader ${entryPoint} makes no pipeline here: ${said((reason as Error).message)}`)
  }
}
