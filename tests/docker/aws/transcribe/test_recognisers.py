"""The recognisers. pocketsphinx is the real one; the other two packages are optional: only the calls to them are tried.

The stand-ins have the signatures of faster-whisper 1.2.1 and vosk 0.3.45 and nothing else.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

from aws_emulator.jobs.errors import JobFailed
from aws_emulator.services.transcribe.recognisers import SpeechModelMissing, recogniser_for
from aws_emulator.services.transcribe.recognisers import sphinx as sphinx_module
from aws_emulator.services.transcribe.recognisers.sphinx import PocketsphinxRecogniser
from aws_emulator.services.transcribe.recognisers.vosk import VoskRecogniser
from aws_emulator.services.transcribe.recognisers.whisper import WhisperRecogniser
from aws_emulator.services.transcribe.words import Word
from tests.docker.aws.transcribe.conftest import hum, silence


@pytest.fixture
def raw(tmp_path):
    def write(*parts):
        file = tmp_path / "sound.raw"
        np.concatenate(parts).tofile(file)
        return file

    return write


@pytest.fixture(scope="module")
def sphinx():
    return PocketsphinxRecogniser("", 1)


def test_pocketsphinx_hears_nothing_in_silence(sphinx, raw):
    assert [word for _, words in sphinx.hear(raw(silence(3.0)), "en-US") for word in words] == []


@pytest.fixture
def believing(monkeypatch):
    """pocketsphinx that tells the words of a hum, which it doubts itself."""
    monkeypatch.setattr(sphinx_module, "LEAST_CONFIDENCE", 0.0)


@pytest.mark.usefixtures("believing")
def test_pocketsphinx_puts_its_words_where_the_voice_is(sphinx, raw):
    file = raw(silence(2.0), hum(0.6), silence(3.0), hum(0.6), silence(1.0))
    heard = list(sphinx.hear(file, "en-US"))
    words = [word for _, words in heard for word in words]
    assert words
    assert heard[-1][0] <= 7.2
    assert all(1.5 <= word.start_s < word.end_s <= 6.7 for word in words)
    assert all(0.0 <= word.confidence <= 1.0 for word in words)
    assert all(word.text[0].isalpha() and "(" not in word.text for word in words)
    assert heard == list(sphinx.hear(file, "en-US"))  # and hears the same twice


def test_pocketsphinx_does_not_tell_what_it_doubts_itself(sphinx, raw, monkeypatch):
    file = raw(silence(0.5), hum(0.6), silence(0.5))
    monkeypatch.setattr(sphinx_module, "LEAST_CONFIDENCE", 1.01)
    assert [words for _, words in sphinx.hear(file, "en-US")] == [[]]


def test_pocketsphinx_knows_one_language_and_says_who_knows_others(sphinx):
    sphinx.refuse_language("en-US")
    with pytest.raises(JobFailed, match=r"cannot transcribe fr-FR.*en-US only.*--speech-model whisper:<folder>"):
        sphinx.refuse_language("fr-FR")


def test_pocketsphinx_does_not_pretend_to_identify_languages(sphinx, raw):
    with pytest.raises(JobFailed, match=r"cannot identify languages.*pocketsphinx.*Give LanguageCode"):
        sphinx.identify(raw(silence(1.0)), ["en-US", "fr-FR"])


def test_a_worker_keeps_its_recogniser():
    assert recogniser_for("pocketsphinx", 1) is recogniser_for("pocketsphinx", 1)


@dataclass
class WhisperWord:
    start: float
    end: float
    word: str
    probability: float


class WhisperModel:
    def __init__(
        self, model_size_or_path, device="auto", compute_type="default", cpu_threads=0, *, local_files_only=False
    ):
        assert local_files_only, "a model name would be downloaded"
        if "broken" in model_size_or_path:
            raise RuntimeError("Unable to open file 'model.bin'")
        self.model = SimpleNamespace(is_multilingual="en" not in model_size_or_path.rsplit(".", 1)[1:])
        self.lengths_s: list[float] = []

    @property
    def supported_languages(self):
        return ["de", "en", "fr"] if self.model.is_multilingual else ["en"]

    def detect_language(self, audio):
        assert audio.dtype == np.float32
        return "fr", 0.7, [("fr", 0.7), ("en", 0.2), ("de", 0.1)]

    def transcribe(self, audio, language=None, *, word_timestamps=False, condition_on_previous_text=True):
        assert word_timestamps
        assert np.abs(audio).max() <= 1.0
        self.lengths_s.append(len(audio) / 16_000)
        words = [WhisperWord(0.0, 0.5, " Bonjour,", 0.9), WhisperWord(0.5, 1.0, " monde", 1.2)]
        words.append(WhisperWord(1.0, 1.1, "-là.", 0.5))
        return iter([SimpleNamespace(end=1.1, words=words)]), SimpleNamespace(language=language)


@pytest.fixture
def whisper(monkeypatch):
    module = ModuleType("faster_whisper")
    module.WhisperModel = WhisperModel
    monkeypatch.setitem(sys.modules, "faster_whisper", module)
    return lambda folder="/models/small": WhisperRecogniser(folder, 2)


def test_whisper_gives_words_with_marks_and_times_in_the_file(whisper, raw):
    file = raw(silence(2.0), hum(2.0), silence(1.0))
    words = [word for _, words in whisper().hear(file, "fr-FR") for word in words]
    start_s = words[0].start_s
    assert start_s == pytest.approx(1.7, abs=0.1)  # where the piece begins
    assert words == [
        Word(start_s, start_s + 0.5, "Bonjour", 0.9, mark=","),
        Word(start_s + 0.5, start_s + 1.0, "monde", 1.0),
        Word(start_s + 1.0, start_s + 1.1, "-là", 0.5, mark=".", glued=True),
    ]


def test_whisper_identifies_among_the_options(whisper, raw):
    file = raw(hum(3.0))
    assert whisper().identify(file, []) == [("fr-FR", 0.7), ("en-US", 0.2), ("de-DE", 0.1)]
    assert whisper().identify(file, ["de-CH", "en-GB"]) == [("en-GB", 0.2), ("de-CH", 0.1)]


def test_whisper_cannot_identify_the_language_of_silence(whisper, raw):
    with pytest.raises(JobFailed, match="must have a speech segment long enough"):
        whisper().identify(raw(silence(2.0)), [])


def test_whisper_refuses_what_its_model_does_not_know(whisper, raw):
    with pytest.raises(JobFailed, match=r"cannot transcribe ja-JP.*3 languages \(de, en, fr\)"):
        whisper().refuse_language("ja-JP")
    with pytest.raises(JobFailed, match="cannot identify languages"):
        whisper("/models/small.en").identify(raw(hum(1.0)), [])


def test_whisper_without_a_model_says_so(whisper):
    with pytest.raises(SpeechModelMissing, match=r"/models/broken holds no CTranslate2 model.*model\.bin"):
        whisper("/models/broken")


class KaldiRecognizer:
    def __init__(self, model, rate_hz):
        assert isinstance(model, VoskModel)
        assert rate_hz == 16_000
        self.bytes = 0

    def SetWords(self, enable_words):
        assert enable_words

    def AcceptWaveform(self, data):
        self.bytes += len(data)
        return 1 if self.bytes == 64_000 else 0

    def Result(self):
        entry = {"conf": 0.8, "start": 0.5, "end": 1.0, "word": "hello"}
        return json.dumps({"result": [entry], "text": "hello"})

    def FinalResult(self):
        return json.dumps({"text": ""})


class VoskModel:
    def __init__(self, model_path=None):
        if "broken" in model_path:
            raise Exception("Failed to create a model")


@pytest.fixture
def vosk(monkeypatch):
    module = ModuleType("vosk")
    module.Model, module.KaldiRecognizer, module.SetLogLevel = VoskModel, KaldiRecognizer, lambda level: None
    monkeypatch.setitem(sys.modules, "vosk", module)
    return lambda folder="/models/vosk-model-small-en-us-0.15": VoskRecogniser(folder, 2)


def test_vosk_gives_words_as_it_hears_them(vosk, raw):
    assert list(vosk().hear(raw(silence(3.0)), "en-US")) == [
        (2.0, [Word(0.5, 1.0, "hello", 0.8)]),
        (3.0, []),
    ]


def test_vosk_knows_the_language_its_folder_names(vosk, raw):
    vosk().refuse_language("en-GB")
    with pytest.raises(JobFailed, match=r"cannot transcribe de-DE.*en only"):
        vosk().refuse_language("de-DE")
    vosk("/models/mine").refuse_language("de-DE")
    with pytest.raises(JobFailed, match="cannot identify languages"):
        vosk().identify(raw(silence(1.0)), [])


def test_vosk_without_a_model_says_so(vosk):
    with pytest.raises(SpeechModelMissing, match="/models/broken holds no model of Vosk"):
        vosk("/models/broken")


@pytest.mark.parametrize(("package", "maker"), [("faster_whisper", WhisperRecogniser), ("vosk", VoskRecogniser)])
def test_a_missing_package_is_named_with_its_cure(package, maker, monkeypatch):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(SpeechModelMissing, match=rf"uv pip install {package.replace('_', '-')}"):
        maker("/models/any", 1)
