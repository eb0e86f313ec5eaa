"""Video encoders: from MediaConvert's codec settings to ffmpeg's options.

Tuning that x264 has no counterpart for (softness, flicker adaptive quantization, AFD, sharpness of the scaler) is
accepted and changes nothing; what would change what a player sees is done or refused (``checks.py``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

DEFAULT_QVBR_LEVEL = 7
DEFAULT_GOP_FRAMES = 90
MOST_FRAME_RATE = 120
# x264's presets, from one made for a laptop upwards: the service's own encoder is far faster than two cores are.
PRESETS = {"SINGLE_PASS": "superfast", "SINGLE_PASS_HQ": "veryfast", "MULTI_PASS_HQ": "fast"}
PROFILES = {
    "BASELINE": "baseline",
    "MAIN": "main",
    "HIGH": "high",
    "HIGH_10BIT": "high10",
    "HIGH_422": "high422",
    "HIGH_422_10BIT": "high422",
}
PIXEL_FORMATS = {"HIGH_10BIT": "yuv420p10le", "HIGH_422": "yuv422p", "HIGH_422_10BIT": "yuv422p10le"}
VPX_ENCODERS = {"VP8": "libvpx", "VP9": "libvpx-vp9"}
SETTINGS_OF = {
    "H_264": "H264Settings",
    "H_265": "H265Settings",
    "VP8": "Vp8Settings",
    "VP9": "Vp9Settings",
    "FRAME_CAPTURE": "FrameCaptureSettings",
    "GIF": "GifSettings",
}
SQUARE_PIXELS = frozenset({"FRAME_CAPTURE", "GIF"})  # formats of pictures, which cannot say otherwise
# A palette for each frame: one for all would hold the whole film in memory until its end.
GIF_FILTER = "split[{0}f][{0}c];[{0}c]palettegen=stats_mode=single[{0}p];[{0}f][{0}p]paletteuse=new=1:dither=bayer"


@dataclass(frozen=True, slots=True)
class Encoding:
    """The options of an encoder, the pixel format it takes, and what is done otherwise than asked."""

    options: list[str]
    pixel_format: str = "yuv420p"
    remarks: list[str] = field(default_factory=list)


def codec_of(video: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
    """The codec of a ``VideoDescription`` and its settings.

    >>> codec_of({"CodecSettings": {"Codec": "H_264", "H264Settings": {"Bitrate": 1}}})
    ('H_264', {'Bitrate': 1})
    """
    codec = video.get("CodecSettings", {}).get("Codec", "H_264")
    return codec, video.get("CodecSettings", {}).get(SETTINGS_OF.get(codec, ""), {})


def constant_rate_factor(level: float) -> float:
    """x264's CRF for a QVBR quality level.

    Level 7, which AWS recommends for PC and tablet, is x264's own default of 23; each level is two steps of CRF, a
    third of a doubling of the bit rate, so that 9, recommended for large screens, is 19: visually lossless to most.

    >>> constant_rate_factor(7), constant_rate_factor(8.33)
    (23, 20.34)
    """
    return round(23 - 2 * (level - 7), 2)


def output_frame_rate(settings: Mapping[str, Any], source: Fraction) -> Fraction:
    """Frames a second of an output; without a specified one the input's average, at most 120, as a tidy fraction.

    >>> output_frame_rate({}, Fraction(750000, 71393))
    Fraction(21, 2)
    >>> output_frame_rate({}, Fraction(30000, 1001))
    Fraction(30000, 1001)
    """
    if settings.get("FramerateControl") == "SPECIFIED":
        return Fraction(settings["FramerateNumerator"], settings["FramerateDenominator"])
    rate = min(source, Fraction(MOST_FRAME_RATE))
    for tidy in (Fraction(round(rate)), Fraction(round(rate) * 1000, 1001), Fraction(round(rate * 2), 2)):
        if tidy > 0 and abs(tidy - rate) / rate < Fraction(1, 1000):
            return tidy
    return rate.limit_denominator(1001)


def gop_frames(settings: Mapping[str, Any], frame_rate: Fraction) -> int:
    """Frames from key frame to key frame.

    >>> gop_frames({"GopSize": 2.0, "GopSizeUnits": "SECONDS"}, Fraction(30000, 1001))
    60
    """
    if settings.get("GopSizeUnits") == "AUTO" or not settings.get("GopSize"):
        return DEFAULT_GOP_FRAMES
    size = settings["GopSize"]
    return max(1, round(size * frame_rate if settings.get("GopSizeUnits") == "SECONDS" else size))


def h264(settings: Mapping[str, Any], frame_rate: Fraction, *, transport_stream: bool) -> Encoding:
    """Options of x264.

    QVBR is CRF under a ceiling; CBR holds rate and ceiling together and, in a transport stream, fills up (in MP4 filler
    is not allowed); VBR is an average with an optional ceiling. The ceilings need a buffer: ``HrdBufferSize``, else two
    seconds of the maximum (one of CBR's rate).
    """
    remarks: list[str] = []
    profile = settings.get("CodecProfile", "MAIN")
    tuning = settings.get("QualityTuningLevel", "SINGLE_PASS")
    x264: dict[str, str] = {"open-gop": "1" if settings.get("GopClosedCadence", 1) == 0 else "0"}
    options = ["-c:v", "libx264", "-preset", PRESETS[tuning], "-profile:v", PROFILES[profile]]
    if tuning == "MULTI_PASS_HQ":
        remarks.append("Multi-pass encoding is done in one pass with a slower preset.")
    if settings.get("CodecLevel", "AUTO") != "AUTO":
        options += ["-level:v", settings["CodecLevel"].removeprefix("LEVEL_").replace("_", ".")]
    mode, bitrate, most = settings.get("RateControlMode", "VBR"), settings.get("Bitrate"), settings.get("MaxBitrate")
    if mode == "QVBR":
        qvbr = settings.get("QvbrSettings", {})
        level = qvbr.get("QvbrQualityLevel", DEFAULT_QVBR_LEVEL) + qvbr.get("QvbrQualityLevelFineTune", 0)
        options += ["-crf", f"{constant_rate_factor(level):g}"]
        if qvbr.get("MaxAverageBitrate"):
            remarks.append("Max average bitrate is not held: one pass cannot know the whole.")
    else:
        options += ["-b:v", str(bitrate)]
    if mode == "CBR":
        most = bitrate
        options += ["-minrate:v", str(bitrate)]
        if transport_stream:
            x264["nal-hrd"] = "cbr"
    if most:
        buffer = settings.get("HrdBufferSize") or (most if mode == "CBR" else 2 * most)
        options += ["-maxrate:v", str(most), "-bufsize:v", str(buffer)]
        if "HrdBufferInitialFillPercentage" in settings:
            x264["vbv-init"] = f"{settings['HrdBufferInitialFillPercentage'] / 100:g}"
    options += ["-g", str(gop_frames(settings, frame_rate))]
    if settings.get("MinIInterval"):
        options += ["-keyint_min", str(settings["MinIInterval"])]
    if settings.get("SceneChangeDetect") == "DISABLED":
        x264["scenecut"] = "0"
    if profile == "BASELINE":
        x264["bframes"] = "0"
    elif "NumberBFramesBetweenReferenceFrames" in settings:
        x264["bframes"] = str(settings["NumberBFramesBetweenReferenceFrames"])
    if settings.get("DynamicSubGop") == "STATIC":
        x264["b-adapt"] = "0"
    if settings.get("GopBReference") == "DISABLED":
        x264["b-pyramid"] = "none"
    if settings.get("NumberReferenceFrames"):
        x264["ref"] = str(settings["NumberReferenceFrames"])
    if settings.get("EntropyEncoding") == "CAVLC":
        x264["cabac"] = "0"
    if settings.get("AdaptiveQuantization") == "OFF":
        x264["aq-mode"] = "0"
    if settings.get("Slices", 1) > 1:
        x264["slices"] = str(settings["Slices"])
    options += ["-x264-params", ":".join(f"{name}={value}" for name, value in x264.items())]
    return Encoding(options, PIXEL_FORMATS.get(profile, "yuv420p"), remarks)


def h265(settings: Mapping[str, Any], frame_rate: Fraction) -> Encoding:
    """Options of x265, whose CRF lies five above x264's for the same quality (x265's default is 28, x264's 23)."""
    remarks: list[str] = []
    tuning = settings.get("QualityTuningLevel", "SINGLE_PASS")
    ten_bit = "10BIT" in settings.get("CodecProfile", "MAIN_MAIN")
    options = ["-c:v", "libx265", "-preset", {"MULTI_PASS_HQ": "fast"}.get(tuning, "veryfast"), "-tag:v", "hvc1"]
    if tuning == "MULTI_PASS_HQ":
        remarks.append("Multi-pass encoding is done in one pass with a slower preset.")
    mode, bitrate, most = settings.get("RateControlMode", "VBR"), settings.get("Bitrate"), settings.get("MaxBitrate")
    if mode == "QVBR":
        qvbr = settings.get("QvbrSettings", {})
        level = qvbr.get("QvbrQualityLevel", DEFAULT_QVBR_LEVEL) + qvbr.get("QvbrQualityLevelFineTune", 0)
        options += ["-crf", f"{constant_rate_factor(level) + 5:g}"]
    else:
        options += ["-b:v", str(bitrate)]
    if most := bitrate if mode == "CBR" else most:
        options += ["-maxrate:v", str(most), "-bufsize:v", str(settings.get("HrdBufferSize") or 2 * most)]
    options += ["-g", str(gop_frames(settings, frame_rate)), "-x265-params", "log-level=error:open-gop=0"]
    return Encoding(options, "yuv420p10le" if ten_bit else "yuv420p", remarks)


def vpx(codec: str, settings: Mapping[str, Any], frame_rate: Fraction) -> Encoding:
    """Options of libvpx for VP8 and VP9; their one rate control is VBR."""
    options = ["-c:v", VPX_ENCODERS[codec], "-b:v", str(settings["Bitrate"])]
    if most := settings.get("MaxBitrate"):
        options += ["-maxrate:v", str(most), "-bufsize:v", str(settings.get("HrdBufferSize") or 2 * most)]
    options += ["-g", str(gop_frames(settings, frame_rate)), "-deadline", "good", "-cpu-used", "4", "-row-mt", "1"]
    return Encoding(options)


def encoding(codec: str, settings: Mapping[str, Any], frame_rate: Fraction, *, transport_stream: bool) -> Encoding:
    """The options of the encoder for ``codec``."""
    if codec == "H_264":
        return h264(settings, frame_rate, transport_stream=transport_stream)
    if codec == "H_265":
        return h265(settings, frame_rate)
    if codec == "GIF":
        return Encoding(["-c:v", "gif"], "rgb24")
    return vpx(codec, settings, frame_rate)


def capture_interval_s(settings: Mapping[str, Any]) -> Fraction:
    """Seconds from one captured frame to the next.

    >>> capture_interval_s({"FramerateNumerator": 1, "FramerateDenominator": 7})
    Fraction(7, 1)
    """
    return Fraction(settings.get("FramerateDenominator", 1), settings.get("FramerateNumerator", 1))


def capture_filter(settings: Mapping[str, Any], frame_rate: Fraction) -> str:
    """The filter that keeps frame 0 and then one frame every interval, with half a frame of tolerance.

    >>> capture_filter({"FramerateNumerator": 1, "FramerateDenominator": 5}, Fraction(25))
    "select='gte(t-start_t,selected_n*5/1-0.020000)'"
    """
    interval = capture_interval_s(settings)
    half_s = float(1 / (2 * frame_rate))
    return f"select='gte(t-start_t,selected_n*{interval.numerator}/{interval.denominator}-{half_s:.6f})'"


def jpeg_quantizer(quality: int) -> int:
    """The quantizer scale of ffmpeg's JPEG encoder, 2 (best) to 31, for a quality from 1 to 100.

    Both scale about the same tables: libjpeg by (200 - 2 x quality) percent from 50 on and 5000 / quality below.

    >>> jpeg_quantizer(100), jpeg_quantizer(80), jpeg_quantizer(50), jpeg_quantizer(1)
    (2, 5, 12, 31)
    """
    scale = 2 - quality / 50 if quality >= 50 else 50 / quality
    return min(31, max(2, round(12 * scale)))
