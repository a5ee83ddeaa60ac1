/**
 * Whether Linux has Vulkan at all, asked before Dawn is loaded. Dawn answers a missing loader or
 * driver with warnings on the error stream that no option turns off, and most machines without a
 * GPU lack one of the two.
 */
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { NoGpu } from './errors.ts'

/**
 * VkInstanceCreateInfo: 64 bytes, all zero but sType, which is
 * VK_STRUCTURE_TYPE_INSTANCE_CREATE_INFO = 1.
 */
const CREATE_INFO = Uint32Array.of(1, ...new Array(15).fill(0))

const FOLDERS = ['/usr/local/etc', '/usr/local/share', '/etc', '/usr/share']

/**
 * The drivers' manifests, where the loader looks for them (LoaderDriverInterface.md, "Driver
 * Discovery on Linux").
 */
function manifests(): string[] {
  const fromEnvironment = process.env.VK_DRIVER_FILES ?? process.env.VK_ICD_FILENAMES
  if (fromEnvironment !== undefined) return fromEnvironment.split(':').filter((path) => existsSync(path))
  return FOLDERS.map((folder) => join(folder, 'vulkan/icd.d'))
    .filter((folder) => existsSync(folder))
    .flatMap((folder) => readdirSync(folder).filter((name) => name.endsWith('.json')))
}

/**
 * Makes a Vulkan instance and lets it go.
 *
 * @throws {NoGpu} saying which part is missing
 */
export function requireVulkan(): void {
  const { dlopen } = require('bun:ffi') as typeof import('bun:ffi')
  const open = () =>
    dlopen('libvulkan.so.1', {
      vkCreateInstance: { args: ['ptr', 'ptr', 'ptr'], returns: 'i32' },
      vkDestroyInstance: { args: ['ptr', 'ptr'], returns: 'void' },
    })
  let vulkan: ReturnType<typeof open>
  try {
    vulkan = open()
  } catch {
    throw new NoGpu(
      'No GPU: the Vulkan loader libvulkan.so.1 is missing (Debian and Ubuntu: apt install libvulkan1)',
      false,
    )
  }
  const instance = new BigUint64Array(1)
  if (vulkan.symbols.vkCreateInstance(CREATE_INFO, null, instance) !== 0) {
    const installed = manifests()
    if (installed.length === 0) throw new NoGpu('No GPU: Vulkan finds no driver', false)
    throw new NoGpu(`No GPU: Vulkan can use none of the drivers that are installed (${installed.join(', ')})`)
  }
  vulkan.symbols.vkDestroyInstance(Number(instance[0]) as never, null)
}
