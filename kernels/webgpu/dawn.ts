/**
 * Dawn, Chrome's WebGPU, as a native library in the binary.
 *
 * Each platform's file is named in a branch of its own, on process.platform and process.arch, which
 * the bundler knows. So `bun build --compile` finds the file of its target, puts it in, and leaves
 * out the others. The instance stays on globalThis for the life of the process. When it is garbage
 * collected, Dawn's callbacks run on freed memory, and the process dies after some hundred maps.
 */
import { join } from 'node:path'
import { firstLine, NoGpu } from './errors.ts'
import { requireVulkan } from './vulkan.ts'
import { extract } from './windows.ts'

interface Dawn {
  create(options: string[]): GPU
  readonly globals: object
}

const pinned = globalThis as typeof globalThis & { collatzDawn?: GPU }
const compiled = !import.meta.url.endsWith('/kernels/webgpu/dawn.ts')
const asFile = { with: { type: 'file' } } as const

async function library(): Promise<Dawn> {
  if (process.platform === 'linux' && process.arch === 'x64') {
    return require('../../node_modules/webgpu/dist/linux-x64/dawn.node')
  }
  if (process.platform === 'linux' && process.arch === 'arm64') {
    return require('../../node_modules/webgpu/dist/linux-arm64/dawn.node')
  }
  if (process.platform === 'darwin') {
    return require('../../node_modules/webgpu/dist/darwin-universal/dawn.node')
  }
  if (process.platform === 'win32' && process.arch === 'x64') {
    if (!compiled) return require('../../node_modules/webgpu/dist/win32-x64/dawn.node')
    const [dawn, dxc, fxc] = await Promise.all([
      import('../../node_modules/webgpu/dist/win32-x64/dawn.node', asFile),
      import('../../node_modules/webgpu/dist/win32-x64/dxcompiler.dll', asFile),
      import('../../node_modules/webgpu/dist/win32-x64/d3dcompiler_47.dll', asFile),
    ])
    return extracted(dawn.default, dxc.default, fxc.default)
  }
  if (process.platform === 'win32' && process.arch === 'arm64') {
    if (!compiled) return require('../../node_modules/webgpu/dist/win32-arm64/dawn.node')
    const [dawn, dxc, fxc] = await Promise.all([
      import('../../node_modules/webgpu/dist/win32-arm64/dawn.node', asFile),
      import('../../node_modules/webgpu/dist/win32-arm64/dxcompiler.dll', asFile),
      import('../../node_modules/webgpu/dist/win32-arm64/d3dcompiler_47.dll', asFile),
    ])
    return extracted(dawn.default, dxc.default, fxc.default)
  }
  throw new NoGpu(`WebGPU is not built for ${process.platform}-${process.arch}`, false)
}

async function extracted(dawn: string, dxc: string, fxc: string): Promise<Dawn> {
  const folder = await extract([
    ['dxcompiler.dll', dxc],
    ['d3dcompiler_47.dll', fxc],
    ['dawn.node', dawn],
  ])
  return require(join(folder, 'dawn.node'))
}

/**
 * The process's one Dawn instance.
 *
 * @throws {NoGpu} when the library cannot be loaded here, or has no driver to talk to.
 */
export async function dawn(): Promise<GPU> {
  if (pinned.collatzDawn) return pinned.collatzDawn
  if (process.platform === 'linux') requireVulkan()
  try {
    const loaded = await library()
    Object.assign(globalThis, loaded.globals)
    pinned.collatzDawn ??= loaded.create([])
    return pinned.collatzDawn
  } catch (error) {
    if (error instanceof NoGpu) throw error
    throw new NoGpu(`The WebGPU library cannot be loaded: ${firstLine((error as Error).message)}`)
  }
}
