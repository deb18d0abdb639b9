"""The options of every member, made of their signatures by ``idm.settings.stub.write``."""

from collections.abc import Mapping
from dataclasses import dataclass
from idm.samplers.clipping import DDIMClipping
from idm.samplers.exponential import MultistepRule
from pathlib import Path
from typing import Any
from typing import Literal

@dataclass(frozen=True, kw_only=True)
class DigitsOptions:
    """Options of ``data.source.name=digits``."""
    size: int = ...
    """side of the images: 8, or a multiple of it, which repeats the pixels."""

@dataclass(frozen=True, kw_only=True)
class ImageFolderOptions:
    """Options of ``data.source.name=image_folder``."""
    path: str | Path
    """the folder; its sub-folders are included, hidden files are not."""
    image_size: int | None = ...
    """side of the square that every image is resized and cropped to; by default all images must have one size, which is kept."""
    labels: Literal['auto', 'folder', 'parent', 'path', 'prefix', 'none'] = ...
    """where classes come from: sub-folders (the first of the path; "parent": the one the file lies in; "path": all of them), file names up to the first "_", nowhere, or whichever fits."""
    split: str | None = ...
    """which part is read, train, val or test, where folders or files are named so; by default all together."""
    upscale: bool = ...
    """allow images that are smaller than image_size."""
    max_pixels: int = ...
    """largest image that is opened."""

@dataclass(frozen=True, kw_only=True)
class ArraysOptions:
    """Options of ``data.source.name=arrays``."""
    path: str | Path
    """a .npy or .npz file."""
    key: str | None = ...
    """name of the data among the arrays of the file, or their path there, such as group/images; by default the only array besides the labels, or the one called data, images, x or arr_0, or train_images, x_train, train/images and the like."""
    labels_key: str | None = ...
    """name or path of the labels there, or "none"; by default labels, y, label, targets, classes and the like, with train where the data have it."""
    channels: Literal['auto', 'first', 'last', 'none'] = ...
    """where the channel axis is: "first" (n c *space), "last" (n *space c), "none" (n *space, one channel); "auto" tells by the sizes, see idm.data.arrays.axes.find_layout, and refuses what is unclear."""
    spatial_dims: int | None = ...
    """number of spatial axes, from 0 (points) to 3; told by the sizes if not given."""

@dataclass(frozen=True, kw_only=True)
class ArrayFolderOptions:
    """Options of ``data.source.name=array_folder``."""
    path: str | Path
    """the folder; its sub-folders are included, hidden files are not."""
    labels: Literal['auto', 'folder', 'parent', 'path', 'prefix', 'none'] = ...
    """where classes come from, as for folders of images."""
    channels: Literal['auto', 'first', 'last', 'none'] = ...
    """where the channel axis of a sample is: "first" (c *space), "last" (*space c), "none" (*space, one channel); "auto" tells by the sizes, see idm.data.arrays.axes.find_layout, and refuses what is unclear."""
    spatial_dims: int | None = ...
    """number of spatial axes, from 0 (points) to 3; told by the sizes if not given."""
    split: str | None = ...
    """which part is read, train, val or test, where folders or files are named so; by default all together."""

@dataclass(frozen=True, kw_only=True)
class CsvSourceOptions:
    """Options of ``data.source.name=csv``."""
    path: str | Path
    """the CSV file, in UTF-8."""
    path_column: str = ...
    """name of the column of paths, which are relative to the folder of the CSV file, or absolute."""
    label_column: str | None = ...
    """name of the column of labels, or "none"; by default "label", "class name" or the like, if there is one. Blanks around names and labels do not count."""
    delimiter: str = ...
    """what is between columns."""
    split: str | None = ...
    """which part is read, train, val or test, where a column called split names them; by default all together."""
    image_size: int | None = ...
    """side of the square that every image is resized and cropped to; by default all images must have one size, which is kept."""
    upscale: bool = ...
    """allow images that are smaller than image_size."""
    max_pixels: int = ...
    """largest image that is opened."""

@dataclass(frozen=True, kw_only=True)
class NumericCsvOptions:
    """Options of ``data.source.name=numeric_csv``."""
    path: str | Path
    """the file, in UTF-8."""
    columns: tuple[str, ...] | None = ...
    """names of the columns that are read, in this order; by default all but that of the labels, that of the parts, and a first one without a name that counts the rows. Columns of files without names are called column1, column2 and so on."""
    label_column: str | None = ...
    """name of the column of labels, or "none"; by default "label", "class name" or the like, if there is one with a word or a whole number in every row."""
    delimiter: str | None = ...
    """what is between columns; by default a tab, a semicolon or a comma, the first of these that the first line has."""
    header: bool | None = ...
    """whether the first row names the columns; by default, if not all of it are numbers."""
    values: Literal['floats', 'integers'] = ...
    """what numbers become: floats of 64 bits, or integers of 64 bits, whose levels are kept."""
    split: str | None = ...
    """which part is read, train, val or test, where a column called split names them; by default all together."""

@dataclass(frozen=True, kw_only=True)
class TiffStackOptions:
    """Options of ``data.source.name=tiff_stack``."""
    path: str | Path
    """a TIFF file, or a folder of them."""
    pages: Literal['samples', 'depth', 'channels'] = ...
    """what a page is: a sample, a slice of the volume that the file holds, or a channel of the image that the file holds."""
    labels: Literal['auto', 'folder', 'parent', 'path', 'prefix', 'none'] = ...
    """where the classes of files come from, as for folders of images."""
    split: str | None = ...
    """which part is read, train, val or test, where folders or files are named so; by default all together."""
    max_pixels: int = ...
    """largest page that is opened."""

@dataclass(frozen=True, kw_only=True)
class IdxOptions:
    """Options of ``data.source.name=idx``."""
    path: str | Path
    """a file of samples, such as train-images-idx3-ubyte or train-images-idx3-ubyte.gz, or their folder."""
    labels: Literal['auto', 'none'] = ...
    """whether classes are read from the file beside it, train-labels-idx1-ubyte, if there is one."""
    channels: Literal['auto', 'first', 'last', 'none'] = ...
    """where the channel axis is: "first", "last", "none" or "auto", which takes three axes for images of one channel and tells others by their sizes."""
    spatial_dims: int | None = ...
    """number of spatial axes; told by the sizes if not given."""
    split: str | None = ...
    """which part of a folder is read, train or test, of which t10k is one; by default all together."""

@dataclass(frozen=True, kw_only=True)
class Hdf5Options:
    """Options of ``data.source.name=hdf5``."""
    path: str | Path
    """a .h5 or .hdf5 file."""
    key: str | None = ...
    """name of the data among the arrays of the file, or their path there, such as group/images; by default the only array besides the labels, or the one called data, images, x or arr_0, or train_images, x_train, train/images and the like."""
    labels_key: str | None = ...
    """name or path of the labels there, or "none"; by default labels, y, label, targets, classes and the like, with train where the data have it."""
    channels: Literal['auto', 'first', 'last', 'none'] = ...
    """where the channel axis is: "first" (n c *space), "last" (n *space c), "none" (n *space, one channel); "auto" tells by the sizes, see idm.data.arrays.axes.find_layout, and refuses what is unclear."""
    spatial_dims: int | None = ...
    """number of spatial axes, from 0 (points) to 3; told by the sizes if not given."""

@dataclass(frozen=True, kw_only=True)
class ZarrOptions:
    """Options of ``data.source.name=zarr``."""
    path: str | Path
    """the folder of a store that is a single array, or a group of arrays; versions 2 and 3. Nothing in it may be a link."""
    key: str | None = ...
    """name of the data among the arrays of the file, or their path there, such as group/images; by default the only array besides the labels, or the one called data, images, x or arr_0, or train_images, x_train, train/images and the like."""
    labels_key: str | None = ...
    """name or path of the labels there, or "none"; by default labels, y, label, targets, classes and the like, with train where the data have it."""
    channels: Literal['auto', 'first', 'last', 'none'] = ...
    """where the channel axis is: "first" (n c *space), "last" (n *space c), "none" (n *space, one channel); "auto" tells by the sizes, see idm.data.arrays.axes.find_layout, and refuses what is unclear."""
    spatial_dims: int | None = ...
    """number of spatial axes, from 0 (points) to 3; told by the sizes if not given."""

@dataclass(frozen=True, kw_only=True)
class NiftiOptions:
    """Options of ``data.source.name=nifti``."""
    path: str | Path
    """a folder of .nii or .nii.gz files, or one file."""
    samples: Literal['files', 'last'] = ...
    """a sample is a file; or an entry of the last axis of the only file, such as a point in time."""
    labels: Literal['auto', 'folder', 'parent', 'path', 'prefix', 'none'] = ...
    """where the classes of files come from, as for folders of images."""
    split: str | None = ...
    """which part is read, train, val or test, where folders or files are named so; by default all together."""

@dataclass(frozen=True, kw_only=True)
class TableSourceOptions:
    """Options of ``data.source.name=table``."""
    path: str | Path
    """a .parquet file, a folder of them, or a folder written by ``save_to_disk``."""
    column: str | None = ...
    """the column of samples: encoded images, or lists of numbers, which may be nested. By default the only one besides the labels, or the one called image, img, data, images, x, arr_0 or pixel_values."""
    label_column: str | None = ...
    """the column of labels, or "none"; by default labels, label, y, class, target or the like, if there is one."""
    split: str | None = ...
    """which part is read, train, val or test, where folders, files or saved data sets are named so, or a column called split names them; by default all together."""
    channels: Literal['auto', 'first', 'last', 'none'] = ...
    """for numbers, where the channel axis is: "first", "last", "none", or "auto" by the sizes."""
    spatial_dims: int | None = ...
    """for numbers, the number of spatial axes; told by the sizes if not given."""
    image_size: int | None = ...
    """for images, the side of the square that each is resized and cropped to; by default all must have one size, which is kept."""
    upscale: bool = ...
    """allow images that are smaller than image_size."""
    max_pixels: int = ...
    """largest image that is opened."""

@dataclass(frozen=True, kw_only=True)
class WavOptions:
    """Options of ``data.source.name=wav``."""
    path: str | Path
    """a .wav file, or a folder of them; its sub-folders are included, hidden files are not."""
    window: int | None = ...
    """frames of a sample; by default those of the files, if all have one length of at most 4,096, else the largest power of two that no file is shorter than, at most 4,096. What is left at the end of a file is not read."""
    hop: int | None = ...
    """frames from the beginning of a window to that of the next; by default the window."""
    values: Literal['auto', 'stored', 'floats'] = ...
    """"stored": integers as they are stored, 24 bits as int32; "floats": integers over half of their range, from -1 to 1, float32 up to 24 bits and float64 for 32; "auto": floats of 24 and 32 bits, else as stored."""
    labels: Literal['auto', 'folder', 'parent', 'path', 'prefix', 'none'] = ...
    """where the classes of files come from, as for folders of images."""
    split: str | None = ...
    """which part is read, train, val or test, where folders or files are named so; by default all together."""

@dataclass(frozen=True, kw_only=True)
class WebdatasetSourceOptions:
    """Options of ``data.source.name=webdataset``."""
    path: str | Path
    """a .tar file, or a folder of them."""
    image: str | None = ...
    """suffix of the images; by default the only one of png, jpg, jpeg, webp, bmp, tif, tiff in each sample."""
    label: str = ...
    """suffix of the files that hold the class of a sample as text."""
    split: str | None = ...
    """which part is read, train, val or test, where folders or files are named so; by default all together."""
    image_size: int | None = ...
    """side of the square that every image is resized and cropped to; by default all images must have one size, which is kept."""
    upscale: bool = ...
    """allow images that are smaller than image_size."""
    max_pixels: int = ...
    """largest image that is opened."""

@dataclass(frozen=True, kw_only=True)
class CustomSourceOptions:
    """Options of ``data.source.name=custom``."""
    make: str
    """"module:name" of a subclass of Source, or of a function whose return type is annotated as Source. The module must be on Python's path (PYTHONPATH, or installed)."""
    arguments: Mapping[str, Any] | None = ...
    """keyword arguments to call it with."""

@dataclass(frozen=True, kw_only=True)
class IndexSourceOptions:
    """Options of ``data.source.name=index``."""
    path: str | Path
    """an index that ``idm check-data PATH --out DIR`` wrote."""
    folder: str | None = ...
    """where the data lie, if they were moved since."""
    max_refused: float = ...
    """largest share of images that may be left out because the check refused them."""
    image_size: int | None = ...
    """for images, the side of the square that each is resized and cropped to; by default all must have one size, which is kept."""
    upscale: bool = ...
    """allow images that are smaller than image_size."""
    max_pixels: int = ...
    """largest image that is opened."""

@dataclass(frozen=True, kw_only=True)
class LinearScheduleOptions:
    """Options of ``schedule.name=linear``."""
    num_timesteps: int = ...
    """T, from 21 (below that the last beta would reach 1) to a million."""
    zero_terminal_snr: bool = ...
    """rescale to leave no signal at the last step (Lin et al. 2024), where the plain schedule leaves 0.006 of it: very bright and very dark pictures come out as such. Not with prediction=epsilon."""

@dataclass(frozen=True, kw_only=True)
class CosineScheduleOptions:
    """Options of ``schedule.name=cosine``."""
    num_timesteps: int = ...
    """T, from 1 to a million."""
    side: int = ...
    """pixels a side of the pictures: the log SNR is shifted by 2 log(64 / side), so that averages over the pixels of larger ones are as noisy (Hoogeboom et al. 2023). 64 shifts nothing; give the true side of pictures of 128 and more."""
    zero_terminal_snr: bool = ...
    """rescale to leave no signal at the last step (Lin et al. 2024); off is usual, since the cosine leaves 0.00005 of it. Not with prediction=epsilon."""

@dataclass(frozen=True, kw_only=True)
class FlowScheduleOptions:
    """Options of ``schedule.name=flow``."""
    num_timesteps: int = ...
    """T, from 2 to a million."""

@dataclass(frozen=True, kw_only=True)
class UNetOptions:
    """Options of ``network.name=unet``."""
    model_channels: int = ...
    """width of the first level."""
    num_res_blocks: int = ...
    """residual blocks per level on the way down; one more on the way up."""
    channel_mult: tuple[int | float, ...] = ...
    """width of each level, as a multiple of model_channels; one entry per level."""
    attention_resolutions: tuple[int, ...] | None = ...
    """downsampling factors (1, 2, 4, ... of the levels) at which there is self-attention; a size in pixels becomes one by division, image size / pixels. By default that of the coarsest level, if there are several. The middle always has it."""
    num_heads: int = ...
    """attention heads; they must divide the width of every level with attention."""
    num_heads_upsample: int = ...
    """attention heads on the way up; -1: as many as on the way down."""
    dropout: float = ...
    """dropout probability within residual blocks."""
    use_scale_shift_norm: bool = ...
    """let time and class scale and shift the features instead of being added to them."""
    conv_resample: bool = ...
    """change resolution by learned convolutions instead of pooling and repetition."""
    checkpoint_levels: int = ...
    """save memory in training at so many levels, counted from the finest: their residual blocks and attention are computed again in the backward pass instead of stored; the middle goes with the coarsest level. 0: none; the number of levels or more: all. Results are the same."""
    low_res_channels: int = ...
    """channels of a low-resolution image to condition on (super-resolution); 0: none."""
    halved_axes: tuple[int, ...] | None = ...
    """spatial axes that are halved from level to level, 0 being the first after the channels; by default all, but of three axes not the first."""

@dataclass(frozen=True, kw_only=True)
class MLPOptions:
    """Options of ``network.name=mlp``."""
    width: int = ...
    """number of features."""
    num_layers: int = ...
    """number of hidden layers."""

@dataclass(frozen=True, kw_only=True)
class CustomNetworkOptions:
    """Options of ``network.name=custom``."""
    make: str
    """"module:name" of a subclass of torch's Module, or of a function whose return type is annotated as one. The module must be on Python's path (PYTHONPATH, or installed)."""
    arguments: Mapping[str, Any] | None = ...
    """further keyword arguments to call it with."""

@dataclass(frozen=True, kw_only=True)
class UniformTimestepsOptions:
    """Options of ``timesteps.name=uniform``."""

@dataclass(frozen=True, kw_only=True)
class LossSecondMomentOptions:
    """Options of ``timesteps.name=loss_second_moment``."""
    history_per_term: int = ...
    """how many losses to remember of each step; 2^23 in all at most."""
    uniform_prob: float = ...
    """share of the uniform distribution mixed in, so that no step is forgotten; in (0, 1]."""

@dataclass(frozen=True, kw_only=True)
class LogitNormalOptions:
    """Options of ``timesteps.name=logit_normal``."""
    importance: bool = ...
    """weigh losses by 1 / (T p), so that the density changes how much they scatter, and not what is minimised; off, it changes how much the levels count, as in the papers."""
    uniform_prob: float = ...
    """share of the uniform distribution, so that no step is forgotten."""
    mean: float = ...
    """above 0, more noise; below, less."""
    std: float = ...
    """smaller, nearer to the middle."""

@dataclass(frozen=True, kw_only=True)
class LogNormalOptions:
    """Options of ``timesteps.name=log_normal``."""
    importance: bool = ...
    """weigh losses by 1 / (T p), so that the density changes how much they scatter, and not what is minimised; off, it changes how much the levels count, as in the papers."""
    uniform_prob: float = ...
    """share of the uniform distribution, so that no step is forgotten."""
    mean: float = ...
    """P_mean; log(0.3) is -1.2."""
    std: float = ...
    """P_std."""

@dataclass(frozen=True, kw_only=True)
class LogSNRUniformOptions:
    """Options of ``timesteps.name=log_snr_uniform``."""
    importance: bool = ...
    """weigh losses by 1 / (T p), so that the density changes how much they scatter, and not what is minimised; off, it changes how much the levels count, as in the papers."""
    uniform_prob: float = ...
    """share of the uniform distribution, so that no step is forgotten."""
    lowest: float = ...
    """of the range; -6 is 20 times as much noise as signal."""
    highest: float = ...
    """of the range; less noise than the least noisy step has is left out."""

@dataclass(frozen=True, kw_only=True)
class SamplerDDPMOptions:
    """Options of ``sampler.name=ddpm``."""
    clip_denoised: bool = ...
    """clamp each predicted x_0 to [-1, 1]."""
    threshold: float = ...
    """dynamic thresholding: in place of clamping alone, first clamp and divide each sample by the quantile of its |x_0| that this is the share of, where that is above 1; 0.995 with strong guidance, 0: off."""
    last_noise_cap: float = ...
    """largest mean absolute value of the noise of the last steps that add any, in the model's range, where a grey level of 8-bit images is 0.0078; 0: none. Bao et al. 2022 take one or two grey levels."""
    last_noise_steps: int = ...
    """how many steps these are."""

@dataclass(frozen=True, kw_only=True)
class SamplerDDIMOptions:
    """Options of ``sampler.name=ddim``."""
    clip_denoised: bool = ...
    """clamp each predicted x_0 to [-1, 1]."""
    threshold: float = ...
    """dynamic thresholding: in place of clamping alone, first clamp and divide each sample by the quantile of its |x_0| that this is the share of, where that is above 1; 0.995 with strong guidance, 0: off."""
    eta: float = ...
    """share of noise, from 0 (deterministic) to 1 (ancestral sampling); a little more where every step of the chain has room for it."""
    clipping: DDIMClipping = ...
    """convention for x_0 and eps; without effect where ``clip_denoised`` is off."""
    last_noise_cap: float = ...
    """largest mean absolute value of the noise of the last steps that add any, as of ``SamplerDDPM``."""
    last_noise_steps: int = ...
    """how many steps these are."""

@dataclass(frozen=True, kw_only=True)
class SamplerMultistepOptions:
    """Options of ``sampler.name=multistep``."""
    clip_denoised: bool = ...
    """clamp each predicted x_0 to [-1, 1]."""
    threshold: float = ...
    """dynamic thresholding: in place of clamping alone, first clamp and divide each sample by the quantile of its |x_0| that this is the share of, where that is above 1; 0.995 with strong guidance, 0: off."""
    order: int = ...
    """values that a step extrapolates from; the first steps have fewer, and the last is a step of DDIM."""
    corrector: bool = ...
    """take each step once more when the network has seen its end, which costs no call (UniC)."""
    rule: MultistepRule = ...
    """what is interpolated, and how it is integrated."""
    tau: float = ...
    """share of noise: 0 is the flow; at 1 order 1 without a corrector is ancestral sampling with FIXED_SMALL."""

@dataclass(frozen=True, kw_only=True)
class SamplerHeunOptions:
    """Options of ``sampler.name=heun``."""
    clip_denoised: bool = ...
    """clamp each predicted x_0 to [-1, 1]."""
    threshold: float = ...
    """dynamic thresholding: in place of clamping alone, first clamp and divide each sample by the quantile of its |x_0| that this is the share of, where that is above 1; 0.995 with strong guidance, 0: off."""
    churn: float = ...
    """share by which the noise grows before the steps, added up over all of them: S_churn of the paper."""
    churn_min: float = ...
    """noise-to-signal ratio below which it does not: S_tmin."""
    churn_max: float = ...
    """ratio above which it does not: S_tmax."""
    churn_noise: float = ...
    """standard deviation of what is drawn for it: S_noise."""

SourceOptions = DigitsOptions | ImageFolderOptions | ArraysOptions | ArrayFolderOptions | CsvSourceOptions | NumericCsvOptions | TiffStackOptions | IdxOptions | Hdf5Options | ZarrOptions | NiftiOptions | TableSourceOptions | WavOptions | WebdatasetSourceOptions | CustomSourceOptions | IndexSourceOptions

ScheduleOptions = LinearScheduleOptions | CosineScheduleOptions | FlowScheduleOptions

NetworkOptions = UNetOptions | MLPOptions | CustomNetworkOptions

TimestepOptions = UniformTimestepsOptions | LossSecondMomentOptions | LogitNormalOptions | LogNormalOptions | LogSNRUniformOptions

SamplerOptions = SamplerDDPMOptions | SamplerDDIMOptions | SamplerMultistepOptions | SamplerHeunOptions
