/**
 * Opening a GPU so that nothing goes wrong in silence: software adapters are refused unless asked for, validation errors
 * are kept and thrown at the next batch (WebGPU itself reports them to a listener and carries on), and a lost device is
 * an error of its own.
 */
import { DeviceLost, GpuFault, NoGpu } from './errors.ts'

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
  /** Rejects, with DeviceLost, when the device is lost; never resolves. */
  readonly lost: Promise<never>
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
      throw new NoGpu(`The GPU ${described.description} gives no device: ${error.message.split('\n')[0]}`)
    })
  return watch(device, described)
}

function watch(gpu: GPUDevice, adapter: AdapterDescription): Device {
  let failure: Error | undefined
  gpu.addEventListener('uncapturederror', (event) => {
    failure ??= new GpuFault(`The GPU refused a command: ${event.error.message.split('\n')[0]}`)
  })
  const lost = gpu.lost.then((info) => {
    const why = info.message.split('\n')[0] || info.reason
    failure ??= new DeviceLost(`The GPU ${adapter.description} was lost${why ? ` (${why})` : ''}`)
    throw failure
  })
  // Raced against every wait; between batches nobody listens, and that must not end the process.
  lost.catch(() => {})
  return {
    gpu,
    adapter,
    lost,
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
  const module = device.gpu.createShaderModule({ code, label: entryPoint })
  const { messages } = await module.getCompilationInfo()
  const error = messages.find(({ type }) => type === 'error')
  if (error) {
    const [what] = error.message.split('\n')
    throw new GpuFault(`The shader ${entryPoint} does not compile here: line ${error.lineNum}: ${what}`)
  }
  try {
    return await device.gpu.createComputePipelineAsync({ layout, compute: { module, entryPoint } })
  } catch (reason) {
    throw new GpuFault(`The shader ${entryPoint} makes no pipeline here: ${(reason as Error).message.split('\n')[0]}`)
  }
}
