/** The images of a data root, for programs. */
import { defaultRoot, openForReading, openForWriting } from '../../store/store.js';
import { findImage, readImageIndex } from '../images/find.js';
import { jsonView } from '../images/inspect.js';
import { type ListedImage, type ListOptions, listImages } from '../images/list.js';
import { type RemovedItem, type RemoveOptions, removeImage } from '../images/remove.js';
import { tagImage } from '../images/tag.js';
import { jsonText } from '../template/json-text.js';

export interface RootOption {
  /** The data root; default `TSPULL_ROOT`, else /var/lib/tspull. */
  root?: string;
}

const indexOf = ({ root }: RootOption) => readImageIndex(openForReading(root ?? defaultRoot()).root);

export const images = {
  /** Newest first. */
  list: (options: ListOptions & RootOption = {}): ListedImage[] => listImages(indexOf(options), options),

  /** What `docker image inspect` shows, GraphDriver included. @throws KnownError E_NO_IMAGE, E_CONFLICT */
  inspect(name: string, options: RootOption = {}): Record<string, unknown> {
    const index = indexOf(options);
    return JSON.parse(jsonText(jsonView(index, findImage(index, name))));
  },

  /** Gives an image another name. @throws KnownError E_NO_IMAGE, E_REFERENCE */
  async tag(source: string, target: string, options: RootOption = {}): Promise<void> {
    using store = await openForWriting(options.root ?? defaultRoot());
    await tagImage(store, source, target);
  },

  /** Removes a name, and the image with its layers when that was the last one. @throws KnownError E_NO_IMAGE, E_CONFLICT */
  async remove(name: string, options: RemoveOptions & RootOption = {}): Promise<RemovedItem[]> {
    using store = await openForWriting(options.root ?? defaultRoot());
    return await removeImage(store, name, options);
  },
};
