"""The construct doctor: is this CAR sequence fit for counting, and what do aligners need of it?"""
