"""Index matrices of the operations of a net: from an output cell to its place in the input.

The places that a map's cells look at are a `(4, 4)` matrix from a cell's index to a voxel of the
net's input, as a grid's affine leads from a voxel to mm. An operation is a matrix too: from an
index of its output to an index of its input.
"""

from collections.abc import Callable

import numpy as np
import torch

# operations that leave each cell at its place; their other tensors are broadcast, or lie on the
# same cells
_POINTWISE_NAMES = """
    abs add addcdiv addcmul alpha_dropout amax amin batch_norm bfloat16 celu chunk clamp clamp_max
    clamp_min clip clone contiguous cpu cuda detach div divide double dropout dropout1d dropout2d
    dropout3d elu eq exp expand expand_as expm1 feature_alpha_dropout float ge gelu group_norm gt
    half hardshrink hardsigmoid hardswish hardtanh iadd imul instance_norm isub itruediv le
    leaky_relu lerp local_response_norm log log1p log_softmax logaddexp logical_not logsigmoid lt
    masked_fill max maximum mean min minimum mish mul multiply nan_to_num ne neg normalize pow prelu
    radd reciprocal relu relu6 requires_grad reshape rmul round rpow rrelu rsqrt rsub rtruediv selu
    sigmoid sign silu softmax softmin softplus softshrink softsign split sqrt square std sub
    subtract sum tanh tanhshrink tensor_split threshold to true_divide truediv type_as var view
    where
"""
POINTWISE = frozenset(_POINTWISE_NAMES.split())


class UntrackableOperation(ValueError):
    """Operation that moves voxels in a way not known here."""


def identity() -> np.ndarray:
    """Return the places of the net's own input."""
    return np.eye(4)


def scale_and_shift(steps: object, starts: object = 0.0) -> np.ndarray:
    """Return the matrix from output index `i` to `start + i * step` of the input, for each axis."""
    matrix = np.diag([*np.broadcast_to(np.asarray(steps, float), 3), 1.0])
    matrix[:3, 3] = starts
    return matrix


def index_matrix(
    operation: str, source: torch.Tensor, *, output: torch.Tensor, args, kwargs
) -> np.ndarray:
    """Return the matrix from the indices of an operation's output to those of its input.

    Args:
        operation: Name of a torch function, without underscores around it.
        source: Input map.
        output: Output map.
        args: Arguments after the map.
        kwargs: Keyword arguments.

    Raises:
        UntrackableOperation: The operation is not known, or moves voxels unevenly.
    """
    if operation in INDEX_MATRICES:
        return INDEX_MATRICES[operation](source, output, *args, **kwargs)
    if operation in POINTWISE and output.ndim == 5 and output.shape[2:] == source.shape[2:]:
        return identity()
    raise UntrackableOperation(f"`{operation}` moves voxels in a way not known here")


def _per_axis(value) -> np.ndarray:
    """Return a window's parameter, which torch takes as a number or a sequence, for each axis."""
    return np.broadcast_to(np.asarray(value, float), 3)


def _window(kernel, stride, *, padding, dilation=1) -> np.ndarray:
    """Return the matrix of a sliding window.

    Dumoulin and Visin, A guide to convolution arithmetic, 2016.
    """
    reach = _per_axis(dilation) * (_per_axis(kernel) - 1)
    if isinstance(padding, str):
        # "same" pads the odd voxel at the far end
        padding = reach // 2 if padding == "same" else 0
    return scale_and_shift(_per_axis(stride), reach / 2 - _per_axis(padding))


def _conv(
    _source, _output, weight, _bias=None, stride=1, padding=0, dilation=1, _groups=1, **_more
):
    return _window(weight.shape[2:], stride, padding=padding, dilation=dilation)


def _conv_transpose(
    _source, _output, weight, _bias=None, stride=1, padding=0, _more=0, _groups=1, dilation=1, **_o
):
    reach = _per_axis(dilation) * (np.array(weight.shape[2:]) - 1)
    return scale_and_shift(
        1 / _per_axis(stride), (_per_axis(padding) - reach / 2) / _per_axis(stride)
    )


# with `ceil_mode` a window that overlaps the far end keeps the others' spacing
def _max_pool(_source, _output, kernel_size, stride=None, padding=0, dilation=1, *_more, **_others):
    return _window(kernel_size, stride or kernel_size, padding=padding, dilation=dilation)


def _avg_pool(_source, _output, kernel_size, stride=None, padding=0, *_more, **_others):
    return _window(kernel_size, stride or kernel_size, padding=padding)


def _adaptive_pool(source, output, *_size, **_others):
    size_in, size_out = np.array(source.shape[2:]), np.array(output.shape[2:])
    if (size_in % size_out).any():
        raise UntrackableOperation("an adaptive pooling cuts its map into windows of several sizes")
    return _window(size_in // size_out, size_in // size_out, padding=0)


def _interpolate(
    source,
    output,
    size=None,
    scale_factor=None,
    mode="nearest",
    align_corners=None,
    recompute_scale_factor=None,
    **_more,
):
    if mode == "area":
        return _adaptive_pool(source, output)
    size_in, size_out = np.array(source.shape[2:]), np.array(output.shape[2:])
    if align_corners:
        return scale_and_shift((size_in - 1) / np.maximum(size_out - 1, 1))
    # torch uses a given factor as it is, even where the sizes are rounded
    exact = scale_factor is not None and not recompute_scale_factor
    step = 1 / _per_axis(scale_factor) if exact else size_in / size_out
    if mode == "trilinear":
        return scale_and_shift(step, (step - 1) / 2)
    # the line through the sampled voxels: some are sampled twice, or skipped
    half = 0.5 if mode == "nearest-exact" else 0.0
    starts = []
    for axis_step, n_in, n_out in zip(step, size_in, size_out, strict=True):
        index = np.arange(n_out)
        sampled = np.minimum(np.floor((index + half) * axis_step), n_in - 1)
        starts.append((sampled - index * axis_step).mean())
    return scale_and_shift(step, starts)


def _pad(_source, _output, pad, mode="constant", *_value, **_more):
    if mode == "circular":
        raise UntrackableOperation("a circular padding shows voxels at two places")
    # the last axis comes first
    low = [*pad[::2], 0, 0, 0][:3][::-1]
    return scale_and_shift(1.0, [-float(width) for width in low])


def _flip(source, _output, *dims, **named):
    steps, starts = np.ones(3), np.zeros(3)
    for dim in _axes(dims or named["dims"]):
        axis = dim % source.ndim - 2
        if axis >= 0:
            steps[axis], starts[axis] = -1, source.shape[axis + 2] - 1
    return scale_and_shift(steps, starts)


def _permute(source, _output, *dims, **named):
    order = [dim % source.ndim for dim in _axes(dims or named["dims"])]
    if order[:2] != [0, 1]:
        raise UntrackableOperation("`permute` moves channels among the axes")
    matrix = np.zeros((4, 4))
    matrix[3, 3] = 1
    for axis, source_axis in enumerate(order[2:]):
        matrix[source_axis - 2, axis] = 1
    return matrix


def _transpose(source, output, dim0, dim1):
    order = list(range(source.ndim))
    order[dim0], order[dim1] = order[dim1], order[dim0]
    return _permute(source, output, *order)


def _getitem(source, _output, index):
    index = index if isinstance(index, tuple) else (index,)
    if Ellipsis in [part for part in index if not isinstance(part, torch.Tensor)]:
        position = index.index(Ellipsis)
        missing = source.ndim - (len(index) - 1)
        index = (*index[:position], *[slice(None)] * missing, *index[position + 1 :])
    index = (*index, *[slice(None)] * (source.ndim - len(index)))
    if not all(isinstance(part, slice) for part in index):
        raise UntrackableOperation("an index takes single voxels")
    ranges = [part.indices(n) for part, n in zip(index[2:], source.shape[2:], strict=True)]
    return scale_and_shift([step for _, _, step in ranges], [start for start, _, _ in ranges])


def _axes(dims) -> list[int]:
    """Return axes as a list; torch takes them as numbers or as one sequence."""
    return list(dims[0]) if dims and isinstance(dims[0], (tuple, list)) else list(dims)


def _cat(source, output, dim=0, axis=None):
    if (dim if axis is None else axis) % source.ndim >= 2:
        raise UntrackableOperation("`cat` lays maps side by side")
    return identity()


INDEX_MATRICES: dict[str, Callable[..., np.ndarray]] = {
    "conv3d": _conv,
    "conv_transpose3d": _conv_transpose,
    "max_pool3d": _max_pool,
    "max_pool3d_with_indices": _max_pool,
    "avg_pool3d": _avg_pool,
    "adaptive_avg_pool3d": _adaptive_pool,
    "adaptive_max_pool3d": _adaptive_pool,
    "adaptive_max_pool3d_with_indices": _adaptive_pool,
    "interpolate": _interpolate,
    "pad": _pad,
    "flip": _flip,
    "permute": _permute,
    "transpose": _transpose,
    "swapaxes": _transpose,
    "getitem": _getitem,
    "cat": _cat,
    "concat": _cat,
    "concatenate": _cat,
}
