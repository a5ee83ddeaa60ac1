/**
 * Dawn, Chrome's WebGPU, as a native library in the binary.
 *
 * Each platform's file is a static `require` of its own, so that `bun build --compile` finds it and puts it in.
 * The instance is kept on globalThis for the life of the process: when it is garbage collected, Dawn's callbacks run on
 * freed memory and the process dies after some hundred maps.
 */
import { NoGpu } from './errors.ts'
import { requireVulkan } from './vulkan.ts'

interface Dawn {
  create(options: string[]): GPU
  readonly globals: object
}

const pinned = globalThis as typeof globalThis & { collatzDawn?: GPU }

function library(): Dawn {
  const target = `${process.platform}-${process.arch}`
  switch (target) {
    case 'linux-x64':
      return require('../../node_modules/webgpu/dist/linux-x64/dawn.node')
    case 'linux-arm64':
      return require('../../node_modules/webgpu/dist/linux-arm64/dawn.node')
    case 'darwin-x64':
    case 'darwin-arm64':
      return require('../../node_modules/webgpu/dist/darwin-universal/dawn.node')
    case 'win32-x64':
      return require('../../node_modules/webgpu/dist/win32-x64/dawn.node')
    case 'win32-arm64':
      return require('../../node_modules/webgpu/dist/win32-arm64/dawn.node')
    default:
      throw new NoGpu(`WebGPU is not built for ${target}`)
  }
}

/**
 * The process's one Dawn instance.
 *
 * @throws {NoGpu} when the library cannot be loaded here, or has no driver to talk to.
 */
export function dawn(): GPU {
  if (pinned.collatzDawn) return pinned.collatzDawn
  if (process.platform === 'linux') requireVulkan()
  try {
    const loaded = library()
    Object.assign(globalThis, loaded.globals)
    pinned.collatzDawn = loaded.create([])
    return pinned.collatzDawn
  } catch (error) {
    if (error instanceof NoGpu) throw error
    throw new NoGpu(`The WebGPU library cannot be loaded: ${(error as Error).message.split('\n')[0]}`)
  }
}
